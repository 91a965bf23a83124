"""One run of llama.cpp's quantiser: LIBRARIES IN.gguf OUT.gguf THREADS prints seconds. Every matrix becomes Q4_0 (`pure`)."""
import ctypes, glob, os, sys, time

FTYPE_Q4_0 = 2


class Params(ctypes.Structure):
    """llama_model_quantize_params as far as it is set here; `rest` is longer than any version of it has been."""
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("output_type", ctypes.c_int32), ("embedding_type", ctypes.c_int32),
                ("allow_requantize", ctypes.c_bool), ("quantize_output", ctypes.c_bool), ("only_copy", ctypes.c_bool), ("pure", ctypes.c_bool),
                ("rest", ctypes.c_uint8 * 236)]


folder, source, target, threads = sys.argv[1:]
ctypes.CDLL(glob.glob(os.path.join(folder, "libggml-base.*"))[0], ctypes.RTLD_GLOBAL)
llama = ctypes.CDLL(glob.glob(os.path.join(folder, "libllama.*"))[0], ctypes.RTLD_GLOBAL)
llama.llama_model_quantize_default_params.restype = Params
llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
params = llama.llama_model_quantize_default_params()
params.nthread, params.ftype, params.pure = int(threads), FTYPE_Q4_0, True
start = time.monotonic()
if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
    sys.exit("llama.cpp cannot quantise " + source)
print(time.monotonic() - start)
