#!/bin/sh
# sanitize.sh [--long] -- the tests under clang's address and undefined-behaviour sanitizers, and a part of them under valgrind
#
# Every test program, every fuzz target over its corpus, the command line's test, and the work of tests/bits.sh, whose
# digest must be the published one here too. --long: 30 s of fuzzing each besides. What cannot be run (no clang, no valgrind)
# has failed: nothing is skipped.
# The last line is "N passed, N failed".
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CC OPT ARCH CFLAGS LDFLAGS PORTABLE OPENMP BUILD V
[ -f tensor/real.h ] || { echo "sanitize.sh: tensor/real.h is not here; expected to run in the project's folder" >&2; exit 2; }
long=0
case "${1:-}" in
'') ;;
--long) long=1 ;;
*) echo "sanitize.sh: found '$1', expected --long" >&2; exit 2 ;;
esac
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
passed=0 failed=0
fail() { failed=$((failed + 1)); echo "FAILED $*"; }

# Tests ask for memory that cannot be had, on purpose.
ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99
UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
export ASAN_OPTIONS UBSAN_OPTIONS
checks="-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer -g"
clang=clang
if ! command -v clang >/dev/null 2>&1; then fail "clang is missing; gcc's sanitizers stand in"; clang=gcc; fi

# The jobs of the input, a line each (tests/jobs.sh).
side_by_side() {
    sh tests/jobs.sh >"$tmp/out" 2>&1
    sed '$d' "$tmp/out"
    last=$(tail -n 1 "$tmp/out" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p')
    [ -n "$last" ] || { fail "tests/jobs.sh"; return; }
    passed=$((passed + ${last% *})) failed=$((failed + ${last#* }))
}
# A command that passes by its status alone.
succeeds() {   # name, command...
    name=$1; shift
    if "$@" >"$tmp/out" 2>&1 </dev/null; then passed=$((passed + 1)); printf 'ok  %-36s 1\n' "$name"
    else tail -n 60 "$tmp/out"; fail "$name"; fi
}
build() {   # folder, make arguments and targets...
    folder=$1; shift
    make -k -j"$cores" OPT=-O1 OPENMP=0 BUILD="$folder" "$@" >"$tmp/out" 2>&1 </dev/null && return
    grep -iE -m 10 'error|undefined' "$tmp/out"; fail "the build of $folder"
}

# ---- address and undefined behaviour ----

asan=$tmp/asan
targets=
for source in tests/t_*.c; do t=$(basename "$source" .c); targets="$targets $asan/f32/$t $asan/f64/$t"; done
for source in tests/t64_*.c; do targets="$targets $asan/f64/$(basename "$source" .c)"; done
build "$asan" CC=$clang CFLAGS="$checks" all $targets
echo "asan/t_cli sh tests/t_cli.sh $asan" >"$tmp/jobs"
for program in $targets; do echo "${program#"$tmp"/} $program" >>"$tmp/jobs"; done
for program in sdref sdref-f64; do echo "--status asan/$program-work sh tests/bits.sh --program $asan/$program" >>"$tmp/jobs"; done

for source in tests/fuzz_*.c; do
    target=$(basename "$source" .c)
    corpus=tests/corpus/${target#fuzz_}
    [ -d "$corpus" ] || { fail "$target: no corpus in $corpus"; continue; }
    $clang -std=c11 -D_POSIX_C_SOURCE=200809L -O1 $checks -I. -DFUZZ_STANDALONE -o "$tmp/$target" "$source" "$asan/libsdref.a" -lm >"$tmp/out" 2>&1 ||
        { head -n 10 "$tmp/out"; fail "$target does not build"; continue; }
    echo "asan/$target-corpus $tmp/$target $corpus" >>"$tmp/jobs"
done
side_by_side <"$tmp/jobs"
rm -rf "$asan"

# ---- uninitialised memory: valgrind, which has no AVX-512 ----

plain=$tmp/plain
if command -v valgrind >/dev/null 2>&1; then
    memcheck="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
    build "$plain" CC=gcc PORTABLE=1 all "$plain/f32/t_json" "$plain/f64/t_estimators"
    side_by_side <<END
--status valgrind/sdref-work sh tests/bits.sh --program $plain/sdref $memcheck
valgrind/f32/t_json $memcheck $plain/f32/t_json
valgrind/f64/t_estimators $memcheck $plain/f64/t_estimators
END
    rm -rf "$plain"
else fail "valgrind is missing"; fi

# ---- fuzzing ----

if [ $long = 1 ]; then
    build "$tmp/fuzz" CC=clang CFLAGS="$checks -fsanitize=fuzzer-no-link" "$tmp/fuzz/libsdref.a"
    for source in tests/fuzz_*.c; do
        target=$(basename "$source" .c)
        mkdir "$tmp/found_$target"
        if clang -std=c11 -D_POSIX_C_SOURCE=200809L -O1 $checks -fsanitize=fuzzer -I. -o "$tmp/$target" "$source" "$tmp/fuzz/libsdref.a" -lm >"$tmp/out" 2>&1; then
            succeeds "fuzz/$target 30 s" "$tmp/$target" -max_total_time=30 -rss_limit_mb=2048 -timeout=10 -max_len=65536 \
                -artifact_prefix="$tmp/crash_" "$tmp/found_$target" "tests/corpus/${target#fuzz_}"
            sed -nE 's/^(stat::number_of_executed_units|Done .*)/    \1/p' "$tmp/out"
        else head -n 10 "$tmp/out"; fail "$target does not build"; fi
        for crash in "$tmp"/crash_*; do
            [ -e "$crash" ] && { echo "an input that breaks $target:"; od -A d -t x1z "$crash" | head -n 64; rm -f "$crash"; }
        done
    done
fi

printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
