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
ifeq ($(filter -j%,$(MAKEFLAGS)),)
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
OPT  := $(or $(OPT.$(VARIANT)),-O2 -g)
LINK := $(LD.$(VARIANT))
# Bits are promised: no contraction, no reassociation. Fused multiply-adds are written where they are meant.
CFLAGS  ?=
CPPFLAGS += -D_GNU_SOURCE -DQN_VERSION='"$(VERSION)"' -Ilibconvert -Ischemas -I. -I$G
ALL_CFLAGS = -std=c11 $(OPT) -fPIC -fvisibility=hidden -ffp-contract=off -pthread $(WARN) $(CFLAGS)
LDLIBS := -lprotobuf-c -ldeflate -lxxhash -ljansson -lyaml -lpthread -lm
GEN_CFLAGS = $(filter-out $(WARN),$(ALL_CFLAGS))

# Instruction-set files say so in their names; nothing else is compiled for more than the baseline.
%_avx2.o:       ISA := -mavx2 -mfma -mf16c
%_avx512.o:     ISA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c
%_avx512vnni.o: ISA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx2 -mfma -mf16c
%_avx512bf16.o: ISA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mavx2 -mfma -mf16c
# Reference kernels are plain loops that the compiler is to vectorise; neither flag changes a result.
$B/libconvert/kernels/ref/%.o: ISA := $(if $(filter -O2,$(OPT)),-O3 -fno-math-errno -fno-trapping-math)

RUN_SRC  := $(wildcard $(addsuffix /*.c,$(addprefix libconvert/,base ir ops kernels kernels/* run)) \
              libconvert/package/read*.c libconvert/package/zip*.c libconvert/package/proto*.c)
LIB_SRC  := $(sort $(RUN_SRC) $(shell find libconvert passes -name '*.c'))
TOOL_SRC := $(wildcard tools/*.c)
TEST_SRC := $(shell find tests -name '*.c' -not -path 'tests/fuzz/*' -not -path 'tests/data/*' -not -path 'tests/bench/*' 2>/dev/null)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
PROTOS   := $(wildcard schemas/*.proto)

GEN_C    := $(PROTOS:schemas/%.proto=$G/%.pb-c.c)
GEN_H    := $(GEN_C:.c=.h)
GEN_O    := $(GEN_C:.c=.o)
obj       = $(patsubst %.c,$B/%.o,$(1))
LIB_O    := $(call obj,$(LIB_SRC)) $(GEN_O)
RUN_O    := $(call obj,$(RUN_SRC)) $(G)/package.pb-c.o
TOOL_O   := $(call obj,$(TOOL_SRC))
TEST_O   := $(call obj,$(TEST_SRC))

.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: build/quern build/libquern.a build/libquern.so build/libquern_run.a ## build the command and the libraries into build/

$B/quern: $(TOOL_O) $B/libquern.a
	$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $(TOOL_O) $B/libquern.a $(LDLIBS)
$B/libquern.a: $(LIB_O)
	rm -f $@ && ar rcs $@ $^
$B/libquern_run.a: $(RUN_O)
	rm -f $@ && ar rcs $@ $^
$B/libquern.so: $(LIB_O)
	$(CC) $(ALL_CFLAGS) $(LINK) -shared -Wl,-soname,libquern.so.0 -o $@ $^ $(LDLIBS)
$B/tests/all: $(TEST_O) $B/libquern.a
	$(CC) $(ALL_CFLAGS) $(LINK) -rdynamic -o $@ $(TEST_O) $B/libquern.a $(LDLIBS) -lcmocka

$B/tests/bench/%: $B/tests/bench/%.o $B/libquern.a
	$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $< $B/libquern.a $(LDLIBS)

build/%: build/release/%
	cp -f $< $@

$B/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<
$G/%.o: $G/%.c
	$(CC) $(CPPFLAGS) $(GEN_CFLAGS) -w -MMD -MP -c -o $@ $<
$G/%.pb-c.c $G/%.pb-c.h: schemas/%.proto
	@mkdir -p $G
	protoc-c -Ischemas --c_out=$G $<

-include $(LIB_O:.o=.d) $(TOOL_O:.o=.d) $(TEST_O:.o=.d)

.PHONY: all unit clean
unit: $B/tests/all build/quern ## build and run the tests, nothing installed (T=PATTERN: only those)
	$B/tests/all $(T)
clean: ## remove build/
	rm -rf build
