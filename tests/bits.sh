#!/bin/sh
# bits.sh -- one command, the same bytes: compilers x -O levels x instruction sets x threads x C libraries x processors
#
#   sh tests/bits.sh [--short] [--publish]        build every variant, run the same work with each, compare all files made
#   sh tests/bits.sh --program FILE [RUNNER...]   the digest of one program, here or elsewhere, beside the published one
#
# The work is `work` below: it leaves a folder of files. Its list holds the SHA-256 of every file but time.csv. All lists must be
# equal; the digest printed and published is that of the list without run.json (a new option changes that, and no bit of a
# result). tests/golden/bits.sha256 has one line a program; --publish rewrites it when all variants agree, and never under the
# versions of another digest: a change of bits raises the numerics, one of the work raises WORK. A build that lets the compiler
# contract a*b+c must differ, or this test is blind.
# A variant that this machine cannot build or run is listed as not run: it has not passed.
set -u
LC_ALL=C; export LC_ALL
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC OPT ARCH CFLAGS LDFLAGS PORTABLE OPENMP BUILD V
unset OMP_NUM_THREADS OMP_SCHEDULE OMP_DYNAMIC
OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY             # more threads than cores: waiting must not burn them
golden=$PWD/tests/golden/bits.sha256
configs=$PWD/tests/golden
[ -f tensor/real.h ] || { echo "bits.sh: tensor/real.h is not here; expected to run in the project's folder" >&2; exit 2; }
numerics=$(sed -n 's/^#define SDREF_NUMERICS *//p' tensor/real.h)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# ---- the work ----

# A pipeline that works on 8x8 pixels and takes text, as the shipped prior does: folder_pixels of tests/pipeline_folder.h.
pixels() {   # folder
    cp -R "$configs/pipelines/sd1" "$1" && rm -r "$1/unet" "$1/text_encoder" "$1/tokenizer" && cp -R "$configs/pipelines/if/unet" "$1" &&
        cp -R "$configs/pipelines/sdxl/text_encoder_2" "$1/text_encoder" && cp -R "$configs/pipelines/sdxl/tokenizer_2" "$1/tokenizer" &&
        sed '/"vae"/,/]/s/^    "[^"]*"/    null/' "$configs/pipelines/sd1/model_index.json" >"$1/model_index.json"
}

# Raised when `work` or the list of selftest's digests changes: then there are other files, with no bit of a result changed.
WORK=4

# Small, and through all the code: guidance other than 1, jitter, every field, light, both generators, an occupancy grid, normals both ways, traces and
# their verification, networks of every kind forward and backward, from weights in binary16, a LoRA, sampling, meshes. A turntable of 128 px is most of a
# small run: the object is far away, with few samples a ray. A background that a network learns, which it would ask for every pixel,
# is selftest's.
work() {   # threads, folder, command...
    threads=$1; mkdir -p "$2" && cd "$2" || return 1; shift 2
    "$@" distill "a red mug" --resolution 11 --grid 12 --samples 4 --jitter --cameras 5 --views 2 --guidance 2 --steps 18 \
         --occupancy 4 --eval-every 9 --quiet --threads "$threads" --out voxel >voxel.txt || return 1
    "$@" distill "a blue duck" --field image --resolution 8 --condition posed --cameras 8 --looks 2 --views 1 --guidance 7.5 \
         --weight fantasia3d --anneal hifa --steps 6 --seed 7 --quiet --threads "$threads" --out image >image.txt || return 1
    "$@" trace --resolution 11 --cameras 8 --threads "$threads" --out philox.safetensors || return 1
    "$@" trace --resolution 8 --cameras 8 --t 80 --weight sigma/alpha --rng torch-cpu --threads "$threads" \
         --out torch.safetensors || return 1
    for estimator in csd nfsd sdi ism vsd asd dsd dsd_star cds fsd ssd; do
        "$@" trace --estimator $estimator --resolution 8 --cameras 8 --threads "$threads" --out $estimator.safetensors || return 1
    done
    "$@" trace --kind render --jitter --threads "$threads" --out render.safetensors || return 1
    for trace in philox torch render; do
        "$@" verify "$trace.safetensors" >"$trace.txt" || return 1
    done
    for net in nets/sd15/unet nets/if/unet nets/ddpm/unet vae taesd clip; do
        name=$(echo $net | sed -E 's,^nets/|/unet$,,g')
        "$@" init "$configs/$net/config.json" --dtype f16 --threads "$threads" --out "$name" >"$name.txt" || return 1
        "$@" trace --network "$name" --size 8 --tokens 9 --grad all --threads "$threads" --out "$name.safetensors" || return 1
    done
    "$@" verify sd15.safetensors >sd15-verify.txt || return 1
    far="--resolution 12 --distance-min 7 --distance-max 8 --samples 2 --cameras 8 --views 2 --steps 3 --eval-every 3"
    "$@" distill "a green frog" --field hashgrid --hash-levels 4 --hash-start 2 --hash-table 128 --hidden 8 --estimator sdi --guidance 2 \
         --render-resolution 17 --albedo-share 0 --diffuse-prob 1 --orientation 1 --background colour $far \
         --blob 20 --blob-slope 20 --lr 0.5 --quiet --threads "$threads" --out hashgrid >hashgrid.txt || return 1
    "$@" distill "a purple teapot" --field mlp --frequencies 2 --layers 2 --hidden 8 --estimator vsd --particles 2 --normal-smooth 1 $far \
         --blob 4 --lr 0.01 --quiet --threads "$threads" --out mlp >mlp.txt || return 1
    "$@" distill "a yellow duck" --field sh --grid 7 --estimator ssd --normals analytic --albedo-share 0 --diffuse-prob 1 --z-variance 1 --convexity 1 $far \
         --blob 4 --quiet --threads "$threads" --out sh >sh.txt || return 1
    for format in glb ply obj; do
        "$@" export sh --format $format --resolution 12 --threshold 1 --threads "$threads" --out sh.$format >$format.txt || return 1
    done
    pixels ../pixels || return 1                                # relative names: pictures say what they were made from
    "$@" distill "a cat" --prior ../pixels --field image --estimator vsd --particles 2 --steps 4 --seed 3 --quiet --threads "$threads" --out lora >lora.txt || return 1
    cp -R "$configs/pipelines/sd2" .. || return 1
    "$@" sample "a cat" --prior ../sd2 --count 2 --steps 3 --seed 3 --eta 0.5 --quiet --threads "$threads" --out sample.png >sample.txt || return 1
    "$@" selftest >"../selftest.all"
    echo $? >"../selftest.status"
    grep -E '[0-9a-f]{16}' "../selftest.all" >selftest.txt || { echo "selftest printed no digest" >&2; return 1; }
}

# The list of one program's files, $tmp/list.NUMBER; in $tmp/run.NUMBER the status of its selftest, 0 when it is fine; $tmp/log.NUMBER.
list_of() {   # f32 or f64, threads, command...
    number=$1; threads=$2; shift 2
    run=$tmp/run.$number
    rm -rf "$run" "$tmp/list.$number"; mkdir "$run"
    (work "$threads" "$run/files" "$@") >"$tmp/log.$number" 2>&1 </dev/null || return 1
    (cd "$run/files" && find . -type f ! -name time.csv | sort | xargs sha256sum) >"$tmp/list.$number"
}

digest_of() { grep -v 'run\.json$' "$1" | sha256sum | cut -c 1-64; }
versions="numerics $numerics  work $WORK"
published() { [ -f "$golden" ] && sed -nE "s/^([0-9a-f]{64})  $1  $versions\$/\1/p" "$golden"; }

# ---- one program ----

want=same
if [ "${1:-}" = --program ]; then
    shift
    [ $# -gt 0 ] || { echo "bits.sh: --program: found nothing, expected a program" >&2; exit 2; }
    program=$1; shift
    case $program in /*) ;; *) program=$PWD/$program ;; esac
    set -- "$@" "$program"
    case $("$@" --version) in *binary32*) number=f32 ;; *binary64*) number=f64 ;; *) echo "bits.sh: $program: found no version of sdref" >&2; exit 2 ;; esac
    list_of $number 2 "$@" || { cat "$tmp/log.$number"; echo "bits.sh: $program: the work failed" >&2; exit 2; }
    digest=$(digest_of "$tmp/list.$number"); expected=$(published $number) content=$(cat "$tmp/run.$number/selftest.status")
    cat "$tmp/list.$number"
    printf '%s  %s  %s\n' "$digest" $number "$versions"
    [ "$content" -eq 0 ] || echo "selftest: status $content"
    [ "$digest" = "$expected" ] || printf 'published: %s\n' "${expected:-nothing for $versions}"
    [ "$digest" = "$expected" ] && [ "$content" -eq 0 ] && exit 0
    exit 1
fi

# ---- variants ----

short=0 publish=0 passed=0 failed=0 missing=0 missing_names=
for flag in "$@"; do
    case $flag in
    --short) short=1 ;;
    --publish) publish=1 ;;
    *) echo "bits.sh: found '$flag', expected --short, --publish or --program" >&2; exit 2 ;;
    esac
done
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
machine=$(uname -m)
features=" $(sed -n 's/^flags[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1) "

# All variants are built from one copy, so that an edit meanwhile cannot tell them apart.
mkdir "$tmp/src"
cp -R Makefile ref tensor nn render sampler weights "$tmp/src/" || exit 2

has() { command -v "$1" >/dev/null 2>&1; }
cpu() { for f in "$@"; do case $features in *" $f "*) ;; *) return 1 ;; esac; done; }
not_run() { missing=$((missing + 1)); missing_names="$missing_names, $1: $2"; printf '%-34s not run: %s\n' "$1" "$2"; }
fail() { failed=$((failed + 1)); printf '%-34s FAILED: %s\n' "$1" "$2"; }

# The list of one program against the first that there was. Sets `mark` (16 digits of the digest) and `verdict`.
judge() {   # f32 or f64
    number=$1
    mark=----------------
    if [ ! -s "$tmp/list.$number" ]; then
        failed=$((failed + 1)); verdict="$verdict FAILED($number: $(tail -n 1 "$tmp/log.$number"))"; return
    fi
    content=$(cat "$tmp/run.$number/selftest.status")
    mark=$(digest_of "$tmp/list.$number" | cut -c 1-16)
    if [ ! -f "$tmp/first.$number" ]; then cp "$tmp/list.$number" "$tmp/first.$number"; verdict="$verdict first"; fi
    differing=$(diff "$tmp/list.$number" "$tmp/first.$number" | sed -n 's/^< [0-9a-f]*  /, /p' | tr -d '\n')
    wrong=
    if [ $want = same ]; then
        [ "$content" -eq 0 ] || wrong=", selftest has status $content"
        [ -z "$differing" ] || wrong="$wrong$differing"
    else [ -n "$differing" ] || wrong=", contraction is not seen"; fi
    if [ -z "$wrong" ]; then passed=$((passed + 1)); verdict="$verdict ok"
    else failed=$((failed + 1)); verdict="$verdict FAILED($number: ${wrong#, })"; fi
}

variant() {   # name, runner ("" for none), list of thread counts, make arguments...
    name=$1; runner=$2; counts=$3; shift 3
    rm -rf "$tmp/build"
    start=$(date +%s)
    if ! make -C "$tmp/src" -j"$cores" BUILD=../build "$@" all >"$tmp/log" 2>&1 </dev/null; then
        fail "$name" "does not build: $(grep -m 1 -i error "$tmp/log")"; return
    fi
    built=$(($(date +%s) - start))
    for count in $counts; do
        start=$(date +%s) verdict=
        list_of f32 "$count" $runner "$tmp/build/sdref" &
        list_of f64 "$count" $runner "$tmp/build/sdref-f64"
        wait $!
        judge f32; mark32=$mark
        judge f64
        printf '%-34s %7s  %s  %s %6s %6s %s\n' "$name" "$count" "$mark32" "$mark" "$built" "$(($(date +%s) - start))" "$verdict"
        built=
    done
}

# Everything that a compiler for this machine can be told. Empty `reason`: it can be run.
host() {   # compiler, -O level, instruction set, OpenMP, list of thread counts, further flags
    reason=
    set_name="$3" set_flags="ARCH="
    has "$1" || reason="no $1"
    case $3 in
    native)         set_flags="ARCH=-march=native" ;;
    baseline)       set_flags="PORTABLE=1" ;;
    x86-64-v3)      set_flags="ARCH=-march=x86-64-v3"; cpu avx2 fma bmi2 f16c movbe abm || reason="the processor is not x86-64-v3" ;;
    native-no512)   set_flags="ARCH=-march=native -mno-avx512f"; cpu sse2 || reason="the processor is not x86-64" ;;
    avx2-nofma)     set_flags="ARCH=-march=x86-64-v3 -mno-fma"; cpu avx2 bmi2 f16c movbe abm || reason="the processor has no AVX2" ;;
    esac
    name="$1 $2 $set_name$([ "$4" = 1 ] || echo ' no-openmp')${6:+ $6}"
    if [ -n "$reason" ]; then not_run "$name" "$reason"; return; fi
    static=
    [ "$1" = musl-gcc ] && static=-static
    variant "$name" "" "$5" CC="$1" OPT="$2" "$set_flags" OPENMP="$4" CFLAGS="-g0 ${6:-}" LDFLAGS="$static"
}

cross() {   # processor, -O level, OpenMP, list of thread counts
    name="$1 gcc $2 qemu$([ "$3" = 1 ] || echo ' no-openmp')"
    qemu=
    for q in "qemu-$1-static" "qemu-$1"; do has $q && [ -z "$qemu" ] && qemu=$q; done
    if ! has "$1-linux-gnu-gcc"; then not_run "$name" "no $1-linux-gnu-gcc"; return; fi
    if [ -z "$qemu" ]; then not_run "$name" "no qemu-$1"; return; fi
    variant "$name" $qemu "$4" CC="$1-linux-gnu-gcc" OPT="$2" ARCH= OPENMP="$3" CFLAGS=-g0 LDFLAGS=-static
}

printf '%-34s %7s  %-16s  %-16s %6s %6s\n' variant threads f32 f64 build run
if [ $short = 1 ]; then
    host gcc -O3 native 1 "1 2"
    host gcc -O0 baseline 1 3
    host gcc -O2 x86-64-v3 1 8
    host gcc -O2 native 0 1
    host clang -O0 native 1 2
    host clang -O2 native-no512 1 3
    host clang -O3 avx2-nofma 1 8
    host musl-gcc -O2 baseline 0 1
    cross aarch64 -O2 1 2
    cross riscv64 -O2 1 2
else
    for compiler in gcc clang; do
        for level in -O0 -O2 -O3; do
            for set in native baseline x86-64-v3 native-no512 avx2-nofma; do
                host $compiler $level $set 1 "1 2 3 8"
            done
        done
        host $compiler -O2 native 0 1
        host $compiler -O2 baseline 0 1
    done
    host musl-gcc -O2 native 0 1
    host musl-gcc -O2 baseline 0 1
    cross aarch64 -O0 1 1
    cross aarch64 -O3 1 "1 3"
    cross riscv64 -O2 1 2
fi

# The test of the test: contraction changes bits, and is seen. CFLAGS come last among the flags, so this wins.
want=different
if ! cpu fma && [ "$machine" != aarch64 ]; then fail contraction "this processor has no FMA: the test cannot see"
else
    host gcc -O2 native 1 2 -ffp-contract=fast
    [ $short = 1 ] || host clang -O2 native 1 2 -ffp-contract=fast
fi

# ---- the published digests ----

fresh=$tmp/bits.sha256
for number in f32 f64; do
    [ -f "$tmp/first.$number" ] || { fail "published $number" "no variant ran"; continue; }
    digest=$(digest_of "$tmp/first.$number"); expected=$(published $number)
    printf '%s  %s  %s\n' "$digest" $number "$versions" >>"$fresh"
    if [ "$digest" = "$expected" ]; then passed=$((passed + 1))
    elif [ $publish = 0 ] || [ -n "$expected" ]; then
        fail "published $number" "found $digest, expected ${expected:-a line for $versions} in tests/golden/bits.sha256; a change of bits raises SDREF_NUMERICS in tensor/real.h, one of the work WORK, then --publish"
    fi
done
if [ $publish = 1 ] && [ $failed -eq 0 ]; then cp "$fresh" "$golden" && cat "$golden"
elif [ $publish = 1 ]; then echo "not published"; fi
[ $missing -eq 0 ] || printf 'not run: %d (%s)\n' $missing "${missing_names#, }"
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
