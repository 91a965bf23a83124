# quern: build, test, measure. `make help` lists what there is.
#
# One variant a folder: build/release, build/asan, build/fuzz, ... (VARIANT=...). What people use stands beside
# them: build/quern, build/libquern.a, build/libquern.so, build/libquern_run.a.

VERSION  := 0.1.0
VARIANT  ?= release
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
PREFIX   ?= /usr/local
DESTDIR  ?=
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif

B := build/$(VARIANT)
G := $B/gen

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wundef -Wvla -Werror
OPT.release := -O2 -g
OPT.asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT.clang   := -O2 -g
OPT.valgrind := -O1 -g
LD.asan     := -fsanitize=address,undefined
LD.fuzz     := -fsanitize=address,undefined
LD.aarch64  := -Lbuild/aarch64/sysroot/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,build/aarch64/sysroot/lib/aarch64-linux-gnu
CPP.aarch64 := -isystem build/aarch64/sysroot/usr/include -isystem build/aarch64/sysroot/usr/include/aarch64-linux-gnu
OPT  := $(or $(OPT.$(VARIANT)),-O2 -g)
LINK := $(LD.$(VARIANT))
# Bits are promised: no contraction, no reassociation. Fused multiply-adds are written where they are meant.
CFLAGS  ?=
CPPFLAGS += -D_GNU_SOURCE -DQN_VERSION='"$(VERSION)"' -Ilibconvert -Ischemas -I. -I$G $(CPP.$(VARIANT))
ALL_CFLAGS = -std=c11 $(OPT) -fPIC -fvisibility=hidden -ffp-contract=off -pthread $(WARN) $(CFLAGS)
LDLIBS := -lprotobuf-c -ldeflate -lxxhash -lyaml -ljansson -lpng -ljpeg -lpthread -lm
GEN_CFLAGS = $(filter-out $(WARN),$(ALL_CFLAGS))

# Instruction-set files say so in their names; nothing else is compiled for more than the baseline. Those of another
# architecture than the compiler's are left out.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
ISAS.x86_64  := avx2 avx512 avx512vnni avx512bf16
ISAS.aarch64 := neon
foreign = $(foreach s,$(filter-out $(ISAS.$(ARCH)),$(ISAS.x86_64) $(ISAS.aarch64)),%_$(s).c %_$(s).h)
native  = $(filter-out $(foreign),$(1))
ISA.avx2       := -mavx2 -mfma -mf16c
ISA.avx512     := -mavx512f -mavx512bw -mavx512dq -mavx512vl $(ISA.avx2)
ISA.avx512vnni := $(ISA.avx512) -mavx512vnni
ISA.avx512bf16 := $(ISA.avx512) -mavx512bf16
ISA.neon       := -DVF_NEON
$(foreach s,$(ISAS.$(ARCH)),$(eval %_$(s).o %_$(s).h.ok: ISA := $(ISA.$(s))))
# Reference kernels are plain loops that the compiler is to vectorise; neither flag changes a result.
$B/libconvert/kernels/ref/%.o: ISA := $(if $(filter -O2,$(OPT)),-O3 -fno-math-errno -fno-trapping-math)
$B/libconvert/package/planes.o $(addprefix $B/libconvert/quant/,cholesky.o gptq.o refine.o): ISA := $(if $(filter -O2,$(OPT)),-O3)

Q := $(if $(V),,@)

RUN_SRC  := $(wildcard $(addsuffix /*.c,$(addprefix libconvert/,base ir ops kernels kernels/* run image)) \
              $(addprefix libconvert/package/,read*.c zip*.c proto*.c planes.c))
LIB_SRC  := $(sort $(RUN_SRC) $(shell find libconvert passes -name '*.c'))
TOOL_SRC := $(wildcard tools/*.c)
TEST_SRC := $(shell find tests -name '*.c' -not -path 'tests/fuzz/*' -not -path 'tests/bench/*' -not -path 'tests/data/*')
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
ALL_SRC  := $(LIB_SRC) $(TOOL_SRC) $(TEST_SRC) $(FUZZ_SRC) $(wildcard demo/*.c examples/*.c tests/bench/*.c)
ALL_HDR  := $(shell find libconvert passes tools tests demo -name '*.h')
PROTOS   := $(wildcard schemas/*.proto)

GEN_C    := $(PROTOS:schemas/%.proto=$G/%.pb-c.c)
GEN_H    := $(GEN_C:.c=.h)
GEN_O    := $(GEN_C:.c=.o)
obj       = $(patsubst %.c,$B/%.o,$(native))
LIB_O    := $(call obj,$(LIB_SRC)) $(GEN_O)
RUN_O    := $(call obj,$(RUN_SRC)) $G/package.pb-c.o
TOOL_O   := $(call obj,$(TOOL_SRC))
TEST_O   := $(call obj,$(TEST_SRC))
# Templates that a file per instruction set includes (*_impl.h) want something defined first; all others stand alone.
HDR_OK   := $(patsubst %,$B/%.ok,$(filter-out %_impl.h,$(call native,$(ALL_HDR))))

# What apt installs, by use: building and testing; `make fuzz`, `make lint` and `make valgrind` need EXTRA_DEPS.
DEPS := gcc make pkg-config protobuf-c-compiler libprotobuf-c-dev libdeflate-dev libxxhash-dev libjansson-dev \
        libyaml-dev libpng-dev libjpeg62-turbo-dev libcmocka-dev
CROSS_DEPS := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
EXTRA_DEPS := clang libclang-rt-14-dev clang-format clang-tidy valgrind

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: build/quern build/libquern.a build/libquern.so build/libquern_run.a ## build the command and the libraries into build/

$B/quern: $(TOOL_O) $B/libquern.a
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $(TOOL_O) $B/libquern.a $(LDLIBS)
$B/libquern.a: $(LIB_O)
	$Qrm -f $@ && $(AR) rcs $@ $^
$B/libquern_run.a: $(RUN_O)
	$Qrm -f $@ && $(AR) rcs $@ $^
$B/libquern.so: $(LIB_O)
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) $(LINK) -shared -Wl,-soname,libquern.so.0 -o $@ $^ $(LDLIBS)
$B/tests/all: $(TEST_O) $B/libquern.a
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) $(LINK) -rdynamic -o $@ $(TEST_O) $B/libquern.a $(LDLIBS) -lcmocka
$B/demo/make_model: $B/demo/make_model.o $B/tests/read/onnx_build.o $B/libquern.a
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $^ $(LDLIBS)
$B/tests/bench/%: $B/tests/bench/%.o $B/libquern.a
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $^ $(LDLIBS)
$B/tests/fuzz/%: $B/tests/fuzz/%.o $B/tests/read/onnx_build.o $B/tests/read/safetensors_fit.o $B/libquern.a
	@echo "  LINK $@"
	$Q$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LINK) -o $@ $^ $(LDLIBS)
# The example is built as a user would build it: against the installed header and library alone.
$B/examples/%: examples/%.c $B/libquern.a libconvert/quern.h
	@mkdir -p $(@D)
	@echo "  LINK $@"
	$Q$(CC) -std=c11 $(OPT) $(WARN) $(CFLAGS) $(LINK) -Ilibconvert -o $@ $< $B/libquern.a $(LDLIBS) -pthread

build/quern build/libquern.a build/libquern.so build/libquern_run.a: build/%: build/release/%
	$Qcp -f $< $@

$B/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$Q$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<
# Each header compiles by itself.
$B/%.h.ok: %.h | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  HDR  $<"
	$Qprintf '#include "%s"\n' $< | $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ISA) -MMD -MP -MF $(@:.ok=.d) -MT $@ -fsyntax-only -x c - && touch $@
$G/%.o: $G/%.c
	@echo "  CC   $<"
	$Q$(CC) $(CPPFLAGS) $(GEN_CFLAGS) -w -MMD -MP -c -o $@ $<
$G/%.pb-c.c $G/%.pb-c.h &: schemas/%.proto
	@mkdir -p $G
	$Qprotoc-c -Ischemas --c_out=$G $<

-include $(LIB_O:.o=.d) $(TOOL_O:.o=.d) $(TEST_O:.o=.d) $(HDR_OK:.ok=.d)

.PHONY: all help deps deps-extra demo test unit test-isa test-aarch64 deps-aarch64 numerics asan fuzz valgrind roofline peers bench bench-models format lint install uninstall clean

help: ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo; echo "  variables: CC=clang, V=1 (show commands), T='pattern' (only those tests), PREFIX, DESTDIR, FUZZ_SECONDS"

# apt-get only runs for what is missing.
define install_missing
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	    echo "installing" $$missing; \
	    $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef
deps: ## install the Debian packages that building and testing need, if they are missing
	$(call install_missing,$(DEPS))
deps-extra: deps ## also those of fuzz, lint, format and valgrind
	$(call install_missing,$(EXTRA_DEPS))

# The arm64 libraries are unpacked into the build folder by an apt that keeps its lists there too: the system's
# packages, lists and architectures stay as they are.
ARM    := build/aarch64
ARM_S  := $(ARM)/sysroot
ARM_LIBS := libc6 libgcc-s1 libprotobuf-c1 libprotobuf-c-dev libdeflate0 libdeflate-dev libxxhash0 libxxhash-dev \
            libyaml-0-2 libyaml-dev libjansson4 libjansson-dev libpng16-16 libpng-dev zlib1g zlib1g-dev \
            libjpeg62-turbo libjpeg62-turbo-dev libcmocka0 libcmocka-dev
ARM_APT = apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= \
          -o Dir::State::status=$(abspath $(ARM))/apt/status -o Dir::State::lists=$(abspath $(ARM))/apt/lists \
          -o Dir::Cache=$(abspath $(ARM))/apt/cache
$(ARM_S)/unpacked:
	@rm -rf $(ARM)/apt $(ARM_S)
	@mkdir -p $(ARM)/apt/lists/partial $(ARM)/apt/cache/archives/partial $(ARM)/apt/debs $(ARM_S)
	@touch $(ARM)/apt/status
	$Q$(ARM_APT) update
	$Qcd $(ARM)/apt/debs && $(ARM_APT) download $(ARM_LIBS)
	$Qfor deb in $(ARM)/apt/debs/*.deb; do dpkg-deb -x $$deb $(ARM_S) || exit 1; done
	@touch $@
deps-aarch64: ## install what test-aarch64 needs: a cross compiler and qemu; arm64 libraries into build/aarch64
	$(call install_missing,$(CROSS_DEPS))
	@$(MAKE) --no-print-directory $(ARM_S)/unpacked

demo: deps ## the whole road on a model made here: convert to four packages, run them, compare them
	@$(MAKE) --no-print-directory build/quern build/release/demo/make_model
	@demo/demo.sh build/quern build/release/demo/make_model build/demo

test: deps ## install what is missing, build, run all tests
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory unit

unit: $B/tests/all $B/quern $B/demo/make_model $B/examples/variants $(HDR_OK) ## build and run the tests, nothing installed
	@QUERN=$B/quern QUERN_BUILD=$B $B/tests/all $(T)

test-isa: $B/tests/all $B/quern $B/demo/make_model $B/examples/variants ## the kernel tests once for each instruction set that this can be built for
	@for isa in scalar $(ISAS.$(ARCH)); do echo "QUERN_ISA=$$isa"; \
	    QUERN_ISA=$$isa QUERN=$B/quern QUERN_BUILD=$B $B/tests/all $(or $(T),'kernels_*') || exit 1; done

# Programs for qemu, by the names that they have in the build folder.
ARM_RUN := $(addprefix $(ARM)/qemu/,quern demo/make_model examples/variants)
$(ARM_RUN): $(ARM)/qemu/%: Makefile
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec qemu-aarch64 -L %s %s "$$@"\n' $(abspath $(ARM_S)) $(abspath $(ARM)/$*) >$@ && chmod +x $@
test-aarch64: deps-aarch64 $(ARM_RUN) ## all tests built for 64-bit Arm and run under qemu (minutes)
	@$(MAKE) --no-print-directory VARIANT=aarch64 CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar \
	    $(addprefix $(ARM)/,tests/all quern demo/make_model examples/variants)
	@QUERN=$(ARM)/qemu/quern QUERN_BUILD=$(ARM)/qemu qemu-aarch64 -L $(ARM_S) $(ARM)/tests/all $(T)

numerics: $B/tests/all ## the table of docs/numerics.md, measured: real models in five precisions against their goldens
	@echo '| model | package | bytes | cosine | largest difference | SQNR, dB | at |'
	@echo '|---|---|---|---|---|---|---|'
	@QUERN_TEST_VERBOSE=1 $B/tests/all 'models_*' 2>&1 | grep -E '^\||FAILED|tests skipped'

asan: ## all tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory VARIANT=asan unit

FUZZ_SECONDS ?= 60
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=%)
fuzz: ## run each fuzz target for FUZZ_SECONDS (60) over its corpus, with clang's libFuzzer
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang $(FUZZERS:%=build/fuzz/tests/fuzz/%)
	@for f in $(FUZZERS); do \
	    mkdir -p build/fuzz/corpus/$$f build/fuzz/crashes; \
	    echo "$$f: $(FUZZ_SECONDS) s"; \
	    build/fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=build/fuzz/crashes/ build/fuzz/corpus/$$f $$(ls -d tests/data/fuzz/$${f#fuzz_} 2>/dev/null) \
	        2>build/fuzz/$$f.log || { tail -n 40 build/fuzz/$$f.log; exit 1; }; \
	    grep -E 'number_of_executed_units|peak_rss' build/fuzz/$$f.log; done

valgrind: ## one conversion and one run under valgrind
	@$(MAKE) --no-print-directory VARIANT=valgrind build/valgrind/quern build/valgrind/demo/make_model
	@build/valgrind/demo/make_model build/valgrind/model.onnx 64 1
	valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect build/valgrind/quern \
	    convert build/valgrind/model.onnx -o build/valgrind/model.quern --precision fp16 -q
	QUERN_ISA=avx2 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect build/valgrind/quern \
	    run build/valgrind/model.quern --random 1 --dim height=28 --dim width=28

roofline: build/release/tests/bench/roofline ## what this machine can do at most: multiply-adds by arithmetic, reading by level of memory
	@mkdir -p build/bench && build/release/tests/bench/roofline --json build/bench/roofline.json

# Runners that `make bench` measures beside ours; only it uses them, and it says so when they are missing.
PEERS := onnxruntime-node@1.30
PEER_LLAMA := @node-llama-cpp/linux-x64@3.22
peers: ## fetch ONNX Runtime and llama.cpp with npm into build/peers, for make bench
	@command -v npm >/dev/null || { echo "make peers needs npm (apt-get install npm)"; exit 1; }
	@mkdir -p build/peers && npm install --prefix build/peers --ignore-scripts --no-audit --no-fund --loglevel=error $(PEERS)
	@npm install --prefix build/peers --ignore-scripts --no-audit --no-fund --loglevel=error $(PEER_LLAMA) || echo "llama.cpp is only for Linux on x86-64"

# What is measured, full-size models to make (dav2-large: 1.3 GB, da3-large: 1.6 GB, depthpro: 3.8 GB; minutes), and
# where they are.
BENCH        ?= roofline gemm kmeans models twelve convert checkpoints memory compress quality
BENCH_FULL   ?= minilm dav2-small dav2-base
BENCH_MODELS ?= build/bench/models
SHARED       ?= ../shared
BENCH_BIN    := $(patsubst tests/bench/%.c,build/release/tests/bench/%,$(wildcard tests/bench/*.c))
bench: build/quern build/release/demo/make_model $(BENCH_BIN) ## measure: the tables of docs/performance.md; BENCH='gemm models' for some
	@mkdir -p build/bench && QUERN=build/quern BUILD=build/release OUT=build/bench SHARED=$(SHARED) BENCH_MODELS=$(BENCH_MODELS) \
	    tests/bench/bench.sh $(BENCH) | tee build/bench/table.md
bench-models: ## make the full-size models that make bench measures into BENCH_MODELS; BENCH_FULL names them
	@SHARED=$(SHARED) tests/bench/make_models.sh $(BENCH_MODELS) $(BENCH_FULL)

format: ## clang-format over all sources
	@clang-format -i $(ALL_SRC) $(ALL_HDR)
lint: $(GEN_H) ## clang-format's and clang-tidy's complaints
	@clang-format --dry-run -Werror $(ALL_SRC) $(ALL_HDR)
	@clang-tidy --quiet $(LIB_SRC) $(TOOL_SRC) -- -std=c11 $(CPPFLAGS)

INSTALL := install -D
install: all ## install into PREFIX (/usr/local) under DESTDIR: command, libraries, header, pkg-config file, man page, completions
	$(INSTALL) -m 755 build/quern $(DESTDIR)$(PREFIX)/bin/quern
	$(INSTALL) -m 644 build/libquern.a $(DESTDIR)$(PREFIX)/lib/libquern.a
	$(INSTALL) -m 644 build/libquern_run.a $(DESTDIR)$(PREFIX)/lib/libquern_run.a
	$(INSTALL) -m 755 build/libquern.so $(DESTDIR)$(PREFIX)/lib/libquern.so.0
	ln -sf libquern.so.0 $(DESTDIR)$(PREFIX)/lib/libquern.so
	$(INSTALL) -m 644 libconvert/quern.h $(DESTDIR)$(PREFIX)/include/quern.h
	$(INSTALL) -m 644 libconvert/quern_convert.h $(DESTDIR)$(PREFIX)/include/quern_convert.h
	sed 's,@PREFIX@,$(PREFIX),; s,@VERSION@,$(VERSION),' quern.pc.in >build/quern.pc
	$(INSTALL) -m 644 build/quern.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/quern.pc
	build/quern --man >build/quern.1
	$(INSTALL) -m 644 build/quern.1 $(DESTDIR)$(PREFIX)/share/man/man1/quern.1
	build/quern --completion bash >build/quern.bash
	$(INSTALL) -m 644 build/quern.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/quern
	build/quern --completion zsh >build/_quern
	$(INSTALL) -m 644 build/_quern $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_quern
	build/quern --completion fish >build/quern.fish
	$(INSTALL) -m 644 build/quern.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/quern.fish
uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/quern lib/libquern.a lib/libquern_run.a lib/libquern.so lib/libquern.so.0 \
	    include/quern.h include/quern_convert.h lib/pkgconfig/quern.pc share/man/man1/quern.1 share/bash-completion/completions/quern \
	    share/zsh/site-functions/_quern share/fish/vendor_completions.d/quern.fish)

clean: ## remove build/
	rm -rf build
