/* quern.h: the public interface of libquern.
 *
 * Load a model (ONNX or .quern), convert it to a package, run it, compare variants, verify a package.
 *
 * Conventions
 *   Status     Every fallible function returns a qn_status that must be looked at. On failure the
 *              context holds one line that names the file, node or tensor: qn_context_message().
 *   Ownership  X_create, X_load and X_open hand out an object that the caller ends with X_destroy.
 *              Pointers read from an object belong to it and live as long as it does.
 *   Threads    A context and everything made from it is used by one thread at a time; the library
 *              runs its own pool inside. Separate contexts are independent.
 *   Quiet      The library does not print or exit, and reads the environment only while a context is
 *              made (QUERN_ISA masks instruction sets). Log, progress and cancel are callbacks.
 */
#ifndef QUERN_H
#define QUERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QN_MUST_USE __attribute__((warn_unused_result))
#define QN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define QN_API __attribute__((visibility("default")))
#else
#define QN_MUST_USE
#define QN_PRINTF(f, a)
#define QN_API
#endif

/** Largest rank of a tensor. A model that needs more is refused as unsupported. */
#define QN_MAX_RANK 8

/** What a call came to. The values are the exit codes of the command line. */
typedef enum qn_status {
    QN_OK = 0,            /**< done */
    QN_BOUND = 1,         /**< a comparison broke its bound */
    QN_USAGE = 2,         /**< a wrong argument of the caller */
    QN_MALFORMED = 3,     /**< input bytes break their format, or are hostile */
    QN_UNSUPPORTED = 4,   /**< well-formed input that quern does not handle; the message names it */
    QN_SYSTEM = 5,        /**< memory, disk or permission */
    QN_CANCELLED = 130    /**< the cancel callback asked to stop */
} qn_status;

/** Element types; the columns are in schemas/dtypes.def. QN_NONE marks an absent optional tensor. */
typedef enum qn_dtype {
    QN_NONE = 0,
    QN_F32 = 1,
    QN_U8 = 2,
    QN_I8 = 3,
    QN_U16 = 4,
    QN_I16 = 5,
    QN_I32 = 6,
    QN_I64 = 7,
    QN_BOOL = 9,
    QN_F16 = 10,
    QN_F64 = 11,
    QN_U32 = 12,
    QN_U64 = 13,
    QN_BF16 = 16
} qn_dtype;

/** A dense tensor in C order. `data` has `n_bytes` bytes and is owned by whoever made the tensor. */
typedef struct qn_tensor {
    qn_dtype dtype;
    int32_t rank;
    int64_t dims[QN_MAX_RANK]; /**< dims[0..rank) are valid, each >= 0 */
    void *data;
    size_t n_bytes;
} qn_tensor;

/* ---- context ---------------------------------------------------------------------------- */

typedef struct qn_context qn_context;

typedef enum qn_log_level { QN_LOG_WARN = 0, QN_LOG_INFO = 1, QN_LOG_DEBUG = 2 } qn_log_level;

typedef struct qn_context_options {
    int threads;          /**< worker threads, 1..256; 0: the processors this process may use */
    const char *isa;      /**< highest instruction set to use: "scalar", "avx2", "avx512",
                               "avx512vnni", "avx512bf16", "neon"; NULL: what the machine has */
    void *user;           /**< passed to the callbacks */
    void (*log)(void *user, qn_log_level level, const char *line);          /**< or NULL */
    void (*progress)(void *user, const char *what, uint64_t done, uint64_t total); /**< bytes; or NULL */
    bool (*cancelled)(void *user);                                         /**< or NULL */
} qn_context_options;

/** Make a context. `options` may be NULL. Fails with QN_USAGE or QN_SYSTEM. */
QN_API QN_MUST_USE qn_status qn_context_create(const qn_context_options *options, qn_context **out);
QN_API void qn_context_destroy(qn_context *ctx);
/** The line that explains the last failure of a call on `ctx`; "" when there was none. */
QN_API const char *qn_context_message(const qn_context *ctx);

/** Worker threads of the context, the caller counted. */
QN_API int qn_context_threads(const qn_context *ctx);

/** "1.2.3" */
QN_API const char *qn_version(void);

/* ---- dtypes ------------------------------------------------------------------------------ */

/** "float32" ...; "none" for an unknown code. */
QN_API const char *qn_dtype_name(qn_dtype dtype);
/** Bytes of one element; 0 for an unknown code. */
QN_API size_t qn_dtype_bytes(qn_dtype dtype);

/* ---- models ------------------------------------------------------------------------------- */

/** A model in memory: a graph whose weights stay in the mapped source file. */
typedef struct qn_model qn_model;

typedef struct qn_load_options {
    const char *const *dims; /**< "batch=1..64", "height=14..2072:14", "seq=32|128|512", "batch=1"; within the model's own
                                  ranges, else QN_USAGE */
    int32_t n_dims;
    bool check_crc;          /**< packages: check every entry's CRC while opening */
} qn_load_options;

/** Open an .onnx file, a safetensors checkpoint (a folder, or a file) or a .quern package (in shipping form: it is
 *  expanded once, into an unnamed file). `options` may be NULL. The message
 *  names the file. */
QN_API QN_MUST_USE qn_status qn_model_load(qn_context *ctx, const char *path, const qn_load_options *options,
                                           qn_model **out);
/** Open a model from memory: "onnx" or "quern" bytes that outlive the model; no external data. */
QN_API QN_MUST_USE qn_status qn_model_load_bytes(qn_context *ctx, const char *name, const void *data, size_t n_bytes,
                                                 const qn_load_options *options, qn_model **out);
QN_API void qn_model_destroy(qn_model *model);

/** One input or output. */
typedef struct qn_port_info {
    const char *name;
    qn_dtype dtype;
    int32_t rank;                            /**< -1: not known before a run */
    int64_t dims[QN_MAX_RANK];               /**< -1 where symbolic */
    const char *dim_text[QN_MAX_RANK];       /**< "1370", "batch", "14*(height//14)" */
} qn_port_info;

QN_API int32_t qn_model_n_inputs(const qn_model *model);
QN_API int32_t qn_model_n_outputs(const qn_model *model);
/** Index in [0, n). Strings belong to the model. */
QN_API qn_port_info qn_model_input(const qn_model *model, int32_t index);
QN_API qn_port_info qn_model_output(const qn_model *model, int32_t index);

/** One symbolic dimension of the inputs and what it may be, e.g. {"height", "14..2072:14"}. */
typedef struct qn_dim_info {
    const char *name;
    const char *range;
} qn_dim_info;
QN_API int32_t qn_model_n_dims(const qn_model *model);
QN_API qn_dim_info qn_model_dim(const qn_model *model, int32_t index);

/** Where a model came from. Strings belong to the model; NULL where nothing is recorded. */
typedef struct qn_source_info {
    const char *format;      /**< "onnx", "safetensors" or "quern" */
    const char *producer;    /**< what wrote the source model */
    const char *version;     /**< packages: the quern that made it */
    const char *recipe;      /**< packages: how it was made */
    const char *licence;     /**< of the weights */
    int32_t n_sources;       /**< packages: the source files ... */
    const char *const *source_names;
    const char *const *source_hashes; /**< ... and their hashes, "xxh3-128:..." */
    uint64_t file_bytes;     /**< of the file and of its external data */
    uint64_t expanded_bytes; /**< packages in shipping form: of the package that it expands to; else 0 */
} qn_source_info;
QN_API qn_source_info qn_model_source(const qn_model *model);

/** A name and how often or how much: ops by count, storage by elements and bytes. */
typedef struct qn_count {
    const char *name;        /**< "Conv", "float16", "int8 per channel" */
    int64_t count;           /**< nodes, or tensors */
    int64_t elements;        /**< 0 for ops */
    uint64_t bytes;          /**< 0 for ops */
} qn_count;

/** What is in a model, sorted by name (ops) or bytes (storage). Belongs to the model, valid until its next conversion. */
typedef struct qn_summary {
    int64_t parameters;      /**< elements of all floating-point constants that nodes read, small ones included */
    uint64_t weight_bytes;   /**< of all constants as stored */
    int64_t nodes;
    int64_t int8_products;   /**< nodes whose product takes its input as 8 bit codes */
    const qn_count *ops;
    int32_t n_ops;
    const qn_count *storage;
    int32_t n_storage;
} qn_summary;
QN_API QN_MUST_USE qn_status qn_model_summary(qn_context *ctx, qn_model *model, qn_summary *out);

/** One constant. */
typedef struct qn_weight_info {
    const char *name, *storage;
    qn_dtype dtype;
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    uint64_t bytes;
    const char *scheme;      /**< of a weight that was compressed, docs/compression.md; "" otherwise */
    const char *reason;      /**< why it was not, or otherwise than asked; "" when there is nothing to say */
    double bits_per_weight;  /**< of all its parts; 0 without elements */
    double sqnr_db;          /**< of what is stored against the source; INFINITY: equal; NAN: not measured */
} qn_weight_info;
/** All constants that nodes read, in graph order; *rows belongs to the model, valid until its next conversion. */
QN_API QN_MUST_USE qn_status qn_model_weights(qn_context *ctx, qn_model *model, const qn_weight_info **rows,
                                              int32_t *n);

/** The graph as text (one node a line, with types), or as Graphviz dot. *text is the caller's: free(). */
QN_API QN_MUST_USE qn_status qn_model_text(qn_context *ctx, const qn_model *model, char **text);
QN_API QN_MUST_USE qn_status qn_model_dot(qn_context *ctx, const qn_model *model, char **text);

/* ---- tensors of a checkpoint ---------------------------------------------------------------------- */

/** A tensor as a safetensors file stores it. */
typedef struct qn_stored_tensor {
    const char *name;
    const char *type;        /**< as the format spells it: "F32", "BF16", "F8_E4M3" ... */
    const char *file;        /**< path of the file that holds it */
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    uint64_t bytes;
    bool is_float;           /**< counts as parameters */
} qn_stored_tensor;

/** A pair of a file's __metadata__. */
typedef struct qn_note {
    const char *key, *text;
} qn_note;

/** What a safetensors file or checkpoint folder holds, whether or not a model can be built of it. */
typedef struct qn_listing qn_listing;
/** Read the header of the file at `path`, or of all files of the folder. QN_MALFORMED, QN_UNSUPPORTED or QN_SYSTEM; the
 *  message names the file. */
QN_API QN_MUST_USE qn_status qn_listing_load(qn_context *ctx, const char *path, qn_listing **out);
QN_API void qn_listing_destroy(qn_listing *listing);
QN_API int32_t qn_listing_n_tensors(const qn_listing *listing);
/** In the order in which they are stored. Strings belong to the listing. */
QN_API qn_stored_tensor qn_listing_tensor(const qn_listing *listing, int32_t index);
QN_API int32_t qn_listing_n_notes(const qn_listing *listing);
QN_API qn_note qn_listing_note(const qn_listing *listing, int32_t index);
/** Bytes of the files. */
QN_API uint64_t qn_listing_file_bytes(const qn_listing *listing);

/* ---- running ----------------------------------------------------------------------------------- */

typedef struct qn_runner qn_runner;

typedef struct qn_runner_options {
    bool reference;               /**< the plain kernels that define each op, in place of the fast ones */
    const char *const *probes;    /**< glob patterns over names and source names of intermediate values to keep;
                                       "*": all */
    int32_t n_probes;
    bool profile;                 /**< time each node */
} qn_runner_options;

/** A runner over `model`, which must outlive it. */
QN_API QN_MUST_USE qn_status qn_runner_create(qn_context *ctx, const qn_model *model, const qn_runner_options *options,
                                              qn_runner **out);
QN_API void qn_runner_destroy(qn_runner *runner);
/** Run once: inputs[i] for model input i, outputs[i] filled in for model output i; their data belongs to the runner
 *  until its next run. QN_USAGE names an input that breaks the model's contract. */
QN_API QN_MUST_USE qn_status qn_runner_run(qn_runner *runner, const qn_tensor *inputs, int32_t n_inputs,
                                           qn_tensor *outputs, int32_t n_outputs);
/** A value kept by a probe: its name, its name in the source model (or NULL), the node that made it, its tensor. */
typedef struct qn_probe_info {
    const char *name, *origin, *node;
    qn_tensor tensor;
} qn_probe_info;
/** What the last run took. */
typedef struct qn_runner_info {
    int64_t n_nodes;
    size_t buffer_bytes;   /**< activations, placed by lifetime */
    size_t live_bytes;     /**< the least that buffer_bytes could be: the largest sum alive at once */
    size_t expanded_bytes; /**< constants copied or expanded beside the mapped ones */
} qn_runner_info;
QN_API qn_runner_info qn_runner_last_run(const qn_runner *runner);
QN_API int32_t qn_runner_n_probes(const qn_runner *runner);
QN_API qn_probe_info qn_runner_probe(const qn_runner *runner, int32_t index);

typedef struct qn_profile_info {
    const char *node, *op, *kernel;
    int64_t calls;
    double seconds;               /**< over all runs */
    double flops;                 /**< over all runs: operations that the node's meaning asks for; docs/performance.md */
    double bytes;                 /**< over all runs: inputs as they are stored, each once, and outputs */
    qn_dtype arithmetic;          /**< QN_F32, QN_BF16, QN_I8: the narrowest that its operands allow its products */
} qn_profile_info;
/** Up to n rows, one a node that ran, of a runner created with `profile`; returns how many there are. */
QN_API int32_t qn_runner_profile(const qn_runner *runner, qn_profile_info *rows, int32_t n);

/** How fast the machine multiplies and adds in one arithmetic, operands in registers. */
typedef struct qn_peak {
    qn_dtype arithmetic;          /**< QN_F32; QN_BF16 (sums in float32); QN_I8 (uint8 by int8, sums in int32) */
    double flops;                 /**< operations a second of all threads; a multiply-add is two */
    const char *isa;              /**< instruction set that did it, e.g. "avx512bf16" */
    bool native;                  /**< false: the machine lacks the instruction, and it is done in several or in float32 */
} qn_peak;
/** How fast it reads what lies in one level of its memory. */
typedef struct qn_memory {
    const char *name;             /**< "L2", "L3", "memory" */
    double fits;                  /**< bytes that this level holds for all threads together; infinite for the last */
    double bytes;                 /**< a second, read by all threads */
} qn_memory;
#define QN_N_PEAKS 3
#define QN_N_MEMORIES 3
/** What the machine can do at most: the roofline (Williams, Waterman and Patterson, "Roofline: An Insightful Visual
 *  Performance Model for Multicore Architectures", 2009), with a slope for each level of the memory. */
typedef struct qn_roofline {
    int32_t threads;
    qn_peak peak[QN_N_PEAKS];
    qn_memory memory[QN_N_MEMORIES]; /**< smallest first */
} qn_roofline;
/** Measure it with the context's threads and instruction sets, each figure the best of short runs that take `seconds` (at
 *  least 0.01) in all. Takes memory of four times the last cache (64 to 512 MiB) for as long; QN_SYSTEM when there is
 *  none, QN_CANCELLED when interrupted. */
QN_API QN_MUST_USE qn_status qn_roofline_measure(qn_context *ctx, double seconds, qn_roofline *out);
/** The least seconds in which such a machine can do `flops` operations and move `bytes` bytes: the larger of the two, with
 *  the bytes in the smallest memory that holds them. *by_memory (may be NULL) says which it was. */
QN_API double qn_roofline_bound(const qn_roofline *roofline, qn_dtype arithmetic, double flops, double bytes,
                                bool *by_memory);

/** Fill `inputs` (one for each model input) with seeded numbers that suit the dtype: normal floats, integers from a
 *  small range, true. Symbolic dimensions take `dims` ("NAME=N"), else the first of their list, or the smallest of their
 *  range that is at least 224 for the sides of an image, 16 for a row of tokens, 512 for a row of samples, 1 for
 *  anything else. The data belongs to the model. */
QN_API QN_MUST_USE qn_status qn_model_random_inputs(qn_context *ctx, qn_model *model, uint64_t seed,
                                                    const char *const *dims, int32_t n_dims, qn_tensor *inputs);

/* ---- comparison ---------------------------------------------------------------------------------- */

/** How far a tensor v is from a reference r. */
typedef struct qn_comparison {
    int64_t n;            /**< elements */
    double max_abs;       /**< max |v - r| */
    double max_rel;       /**< max |v - r| / max |r| */
    double rmse;          /**< sqrt(mean (v - r)^2) */
    double sqnr_db;       /**< 10 log10(sum r^2 / sum (v - r)^2) dB; infinite when equal */
    double cosine;        /**< v.r / (|v| |r|); 1 when both are zero */
    double ref_max;       /**< max |r| */
    int64_t n_mismatch;   /**< elements with |v - r| > atol + rtol |r| */
    int64_t first_bad;    /**< first NaN or infinity that only one of the two has; -1: none */
} qn_comparison;

typedef struct qn_compare_options {
    double rtol, atol;    /**< for n_mismatch */
    const uint8_t *mask;  /**< one byte an element: 0 leaves it out; NULL: all count */
} qn_compare_options;

/** Any dtypes, the same shape (QN_USAGE otherwise). A NaN or infinity that both have in the same place counts as equal;
 *  one that only one has makes the errors infinite and the cosine 0. `options` may be NULL. */
QN_API QN_MUST_USE qn_status qn_tensor_compare(qn_context *ctx, const qn_tensor *r, const qn_tensor *v,
                                               const qn_compare_options *options, qn_comparison *out);

/** Two tensors of logits [..., classes]: how far the distributions apart are that softmax makes of each position's. */
typedef struct qn_logits_comparison {
    int64_t positions;
    double kl_mean, kl_p99, kl_max; /**< divergence of the variant from the reference, in nats: mean, 99th percentile, largest */
    double top1;                    /**< share of positions whose largest logit is the same; of equal ones the first counts */
    double topk;                    /**< mean share of the reference's top_k classes that are among the variant's */
    int64_t targets;                /**< positions with a target */
    double loss_reference, loss;    /**< mean -log softmax(target), in nats; perplexity is its exp; NAN without targets */
} qn_logits_comparison;
typedef struct qn_logits_options {
    int32_t top_k;                  /**< 0: 1 */
    const qn_tensor *targets;       /**< int32 or int64, the logits' shape without the last dimension; or NULL */
    int64_t ignore_index;           /**< a target that does not count */
    const uint8_t *mask;            /**< a byte a position, 0: it does not count; or NULL */
} qn_logits_options;
/** `options` may be NULL. QN_USAGE: shapes that differ, a target that is no class, top_k over the classes. */
QN_API QN_MUST_USE qn_status qn_tensor_compare_logits(qn_context *ctx, const qn_tensor *reference, const qn_tensor *variant,
                                                      const qn_logits_options *options, qn_logits_comparison *out);

/* ---- arrays in files --------------------------------------------------------------------------------- */

/** A set of named tensors. */
typedef struct qn_arrays qn_arrays;
/** Read an .npy (one array, named after the file), an .npz, an ONNX TensorProto (.pb) or an ONNX test_data_set folder
 *  (input_N.pb and output_N.pb become "in.NAME" and "out.NAME"; without a stored name, "in.#N"). */
QN_API QN_MUST_USE qn_status qn_arrays_load(qn_context *ctx, const char *path, qn_arrays **out);
QN_API void qn_arrays_destroy(qn_arrays *arrays);
QN_API int32_t qn_arrays_count(const qn_arrays *arrays);
/** Name and tensor of array `index`; both belong to the set. */
QN_API const char *qn_arrays_name(const qn_arrays *arrays, int32_t index);
QN_API const qn_tensor *qn_arrays_tensor(const qn_arrays *arrays, int32_t index);
/** The array of that name, or NULL. */
QN_API const qn_tensor *qn_arrays_find(const qn_arrays *arrays, const char *name);
/** The array for input `index` of a model, which is called `name`: the first of "in.NAME", "NAME" and "in.#INDEX" that is
 *  there, or NULL. */
QN_API const qn_tensor *qn_arrays_input(const qn_arrays *arrays, const char *name, int32_t index);
/** Every element of `tensor` (any dtype) as a double; `out` has room for all of them. */
QN_API QN_MUST_USE qn_status qn_tensor_to_f64(qn_context *ctx, const qn_tensor *tensor, double *out);
/** Write an .npy (bfloat16 as float32); the file appears whole or not at all. */
QN_API QN_MUST_USE qn_status qn_tensor_save(qn_context *ctx, const char *path, const qn_tensor *tensor);

/* ---- pictures ------------------------------------------------------------------------------------------ */

/** A picture: RGB of 8 bits, rows from the top. */
typedef struct qn_picture {
    int32_t height, width;  /**< each 1..65535 */
    uint8_t *rgb;           /**< [height, width, 3] */
} qn_picture;

/** Read a PNG or JPEG. Grey, palettes and 16 bits become RGB of 8 bits, alpha is dropped, a JPEG is turned as its EXIF
 *  orientation says. QN_MALFORMED says what is wrong with the file; QN_UNSUPPORTED: another format, CMYK, arithmetic
 *  coding, or more than 2^28 pixels. End it with qn_picture_destroy (NULL is fine). */
QN_API QN_MUST_USE qn_status qn_picture_load(qn_context *ctx, const char *path, qn_picture **out);
QN_API void qn_picture_destroy(qn_picture *picture);

/** How a photo becomes an input of a model: (x * rescale - mean) / std in each channel, and a resize before or after it.
 *  docs/images.md has the formulas. */
typedef struct qn_preprocess_info {
    const char *input;          /**< the input's name */
    const char *size;           /**< "keep", "exact", "aspect", "longest" or "shortest" */
    int32_t height, width;      /**< of "exact" and "aspect"; both the length of the side of "longest" and "shortest"; 0 */
    int32_t multiple;           /**< sides become a multiple of this */
    const char *interpolation;  /**< "nearest", "bilinear", "bicubic" or "area" */
    bool antialias;
    bool resize_last;           /**< after normalising, in float32; else before it, rounded to 8 bits */
    double rescale, mean[3], std[3]; /**< of R, G, B */
} qn_preprocess_info;
/** False when the model says nothing of photos (*out is left alone). Strings belong to the model. */
QN_API bool qn_model_preprocess(const qn_model *model, qn_preprocess_info *out);
/** Take the preprocessing from a preprocessor_config.json of Hugging Face; a conversion keeps it in the package.
 *  QN_UNSUPPORTED names a processor, key or value that quern does not follow; QN_MALFORMED also when no input of the model
 *  takes photos (float32 [n,3,h,w] or [n,views,3,h,w]). */
QN_API QN_MUST_USE qn_status qn_model_set_processor(qn_context *ctx, qn_model *model, const char *path);
/** Photos to the tensor of the input that takes them, *index of the model's inputs: float32 [n,3,h,w], or [1,n,3,h,w] when
 *  the input has five dimensions. out->data is the caller's: free(). QN_USAGE: the model has no preprocessing, n < 1, or
 *  the photos come to different sizes. */
QN_API QN_MUST_USE qn_status qn_model_picture_input(qn_context *ctx, const qn_model *model,
                                                    const qn_picture *const *pictures, int32_t n, int32_t *index,
                                                    qn_tensor *out);

typedef enum qn_depth_format {
    QN_DEPTH_COLOUR = 0,  /**< PNG, RGB of 8 bits: dark is the least number, light the largest; black is not finite */
    QN_DEPTH_GREY16 = 1,  /**< PNG, grey of 16 bits: depth_min + grey / 65535 * (depth_max - depth_min), of its tEXt chunks,
                               is the number again */
    QN_DEPTH_NPY = 2      /**< .npy, float32 [height, width] */
} qn_depth_format;
typedef struct qn_depth_options {
    qn_depth_format format;
    int32_t height, width;  /**< bring the map to this size (bilinear); 0: as it is */
} qn_depth_options;
/** Maps in `tensor`, whose last two dimensions are theirs: [h, w] is one, [n, 1, h, w] has n; 0 for a smaller rank. */
QN_API int64_t qn_depth_count(const qn_tensor *tensor);
/** Write map `index` of a tensor of any floating dtype to `path`; the file appears whole or not at all. `options` may be
 *  NULL. QN_USAGE: no such map, or one of no elements. */
QN_API QN_MUST_USE qn_status qn_depth_save(qn_context *ctx, const char *path, const qn_tensor *tensor, int64_t index,
                                           const qn_depth_options *options);

#ifdef __cplusplus
}
#endif

#include "quern_convert.h"
#endif
