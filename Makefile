# sdref: `make run` for a first picture, `make test` for the proof, `make help` for the rest.
CC      ?= cc
# As many jobs as cores, unless -j says otherwise; goals that are named together (make clean all) come one after the other.
ifeq ($(MAKELEVEL)$(word 2,$(MAKECMDGOALS)),0)
MAKEFLAGS += -j$(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null),2)
endif
# the flag, if the compiler can build a program with it
takes    = $(shell echo 'int main(void) { return 0; }' | $(CC) $(1) -x c -o /dev/null - 2>/dev/null && echo $(1))
OPT     ?= -O3
NATIVE  := $(if $(PORTABLE),,$(call takes,-march=native))
GOMP    := $(if $(call takes,-fopenmp),1,0)
ARCH    ?= $(NATIVE)
OPENMP  ?= $(GOMP)
BUILD   ?= build
PREFIX  ?= /usr/local
Q       := $(if $(V),,@)
# The flags that make the bits: changing this line changes results.
BITS    := -std=c11 -ffp-contract=off -fno-fast-math -fno-math-errno -fno-trapping-math
WARN    := -Wall -Wextra -Wshadow -Wdouble-promotion -Wfloat-conversion -Werror=double-promotion -Werror=float-conversion
FLAGS    = $(BITS) $(LEVEL) $(ARCH) -g $(WARN) $(if $(filter 1,$(OPENMP)),-fopenmp,-Wno-unknown-pragmas) \
           -D_POSIX_C_SOURCE=200809L -I. $(CFLAGS)
LEVEL    = $(OPT)
# Tests are compiled with less effort than what they test, but that of the elementary functions, which are inlined into it.
$(BUILD)/f32/tests/t%.o $(BUILD)/f64/tests/t%.o: LEVEL = $(if $(filter file,$(origin OPT)),-O1,$(OPT))
$(BUILD)/f32/tests/t_elem.o $(BUILD)/f64/tests/t_elem.o: LEVEL = $(OPT)
LINK     = $(CC) $(FLAGS) $(LDFLAGS) -o $@ $^ -lm
SRC     := $(wildcard tensor/*.c weights/*.c nn/*.c sampler/*.c render/*.c) $(filter-out ref/main.c,$(wildcard ref/*.c))
HEADERS := $(wildcard tensor/*.h weights/*.h nn/*.h sampler/*.h render/*.h ref/*.h)
TESTS   := $(patsubst tests/%.c,$(BUILD)/f32/%,$(wildcard tests/t_*.c)) $(patsubst tests/%.c,$(BUILD)/f64/%,$(wildcard tests/t_*.c tests/t64_*.c))

all: $(BUILD)/sdref $(BUILD)/sdref-f64   ## build both programs: sdref (binary32) and sdref-f64 (binary64)

PRIOR   ?= weights/prior
# SDI of a model rather than of the exact prior: an inversion with guidance of the other sign would let the object fill the frame. Coarse levels first
# and sparsity keep the air around it clear of specks.
FIRST    = --estimator sdi --guidance 1.5 --guidance-inverse 0 --t-min 0.02 --condition view-lr --field hashgrid --hash-start 3 --sparsity 0,0,150,200 --views 2
run: all   ## a first object in runs/first from the shipped prior; PRIOR=exact: from the exact one
	$(BUILD)/sdref distill "a red rocket" $(if $(filter exact,$(PRIOR)),,$(FIRST)) --prior $(PRIOR) --out runs/first --overwrite
	$(BUILD)/sdref export runs/first

# $(1): a training's folder, $(2): what it starts with
resume_or = --out $(1) $(if $(wildcard $(1)/state.safetensors),--resume,$(2))
prior: all   ## train the 64 px prior from nothing in runs/prior-first, and on in runs/prior (hours; stopped, it goes on where it was)
	$(BUILD)/sdref train prior $(call resume_or,runs/prior-first)
	$(BUILD)/sdref train prior --steps 8000 $(call resume_or,runs/prior,--from runs/prior-first/model --seed 1 --lr 0.0005)

depth: all   ## train the depth network from nothing in runs/depth (half an hour; stopped, it goes on where it was)
	$(BUILD)/sdref train depth $(call resume_or,runs/depth)

$(BUILD)/f32/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/f64/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -DSDREF_F64 -MMD -MP -c -o $@ $<
$(BUILD)/libsdref.a: $(SRC:%.c=$(BUILD)/f32/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/libsdref-f64.a: $(SRC:%.c=$(BUILD)/f64/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/sdref: $(BUILD)/f32/ref/main.o $(BUILD)/libsdref.a
	$(Q)$(LINK)
$(BUILD)/sdref-f64: $(BUILD)/f64/ref/main.o $(BUILD)/libsdref-f64.a
	$(Q)$(LINK)
$(BUILD)/f32/t%: $(BUILD)/f32/tests/t%.o $(BUILD)/libsdref.a
	$(Q)$(LINK)
$(BUILD)/f64/t%: $(BUILD)/f64/tests/t%.o $(BUILD)/libsdref-f64.a
	$(Q)$(LINK)
$(BUILD)/exhaustive $(BUILD)/elem_mpfr: $(BUILD)/%: $(BUILD)/f32/tests/%.o $(BUILD)/libsdref.a
	$(Q)$(LINK) -lmpfr -lgmp

test: all $(TESTS)   ## everything that gates a commit; needs nothing but a C compiler and make
	@sh tests/run.sh $(BUILD)
bits:   ## one digest over compilers, flags, instruction sets, threads and machines
	sh tests/bits.sh
exhaustive: $(BUILD)/exhaustive $(BUILD)/elem_mpfr   ## every elementary function on all 2^32 floats, and in binary64 against MPFR
	$(BUILD)/exhaustive $(ARGS)
	$(BUILD)/elem_mpfr
sanitize:   ## the tests under address and undefined-behaviour sanitizers, and the fuzz targets (needs clang)
	sh tests/sanitize.sh
bench: all $(BUILD)/f32/bench   ## speed of kernels and networks, as ratios within one run; ARGS=full: more of it
	$(BUILD)/f32/bench $(ARGS)
$(BUILD)/f32/bench: $(BUILD)/f32/tests/bench.o $(BUILD)/libsdref.a
	$(Q)$(LINK)

install: all   ## programs, libraries and headers under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/sdref
	install -m 755 $(BUILD)/sdref $(BUILD)/sdref-f64 $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libsdref.a $(BUILD)/libsdref-f64.a $(DESTDIR)$(PREFIX)/lib
	for h in $(HEADERS); do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/sdref/$$h; done
	printf 'Name: sdref\nDescription: CPU reference of text-to-3D score distillation\nVersion: %s\nCflags: -I%s/include/sdref\nLibs: -L%s/lib -lsdref -lm%s\n' \
	  "$$($(BUILD)/sdref --version | cut -d' ' -f2)" $(PREFIX) $(PREFIX) "$(if $(filter 1,$(OPENMP)), -fopenmp)" > $(DESTDIR)$(PREFIX)/lib/pkgconfig/sdref.pc
uninstall:   ## what install put there
	rm -rf $(DESTDIR)$(PREFIX)/bin/sdref $(DESTDIR)$(PREFIX)/bin/sdref-f64 $(DESTDIR)$(PREFIX)/lib/libsdref.a \
	  $(DESTDIR)$(PREFIX)/lib/libsdref-f64.a $(DESTDIR)$(PREFIX)/lib/pkgconfig/sdref.pc $(DESTDIR)$(PREFIX)/include/sdref
clean:   ## remove what was built (never runs/)
	rm -rf $(BUILD)
help:   ## list these lines
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*##/\t/'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all run prior depth test bits exhaustive sanitize bench install uninstall clean help
.SECONDARY:
