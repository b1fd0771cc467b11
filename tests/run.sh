#!/bin/sh
# run.sh BUILD -- run every test program and every test script; the last line is "N passed, N failed".
# A program that ends without its closing line, or with a status other than 0, counts as one failure more.
build=${1:-build}
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}; export OMP_WAIT_POLICY        # tests are small: threads that spin while they wait take the cores of others
passed=0 failed=0
one() {   # name, command...
    name=$1; shift
    out=$("$@" 2>&1 </dev/null); status=$?
    last=$(printf '%s\n' "$out" | tail -n 1)
    p=$(printf '%s\n' "$last" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1/p')
    f=$(printf '%s\n' "$last" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\2/p')
    if [ -z "$p" ] || { [ $status -ne 0 ] && [ "$f" = 0 ]; }; then p=${p:-0}; f=$(( ${f:-0} + 1 )); fi
    passed=$((passed + p)); failed=$((failed + f))
    if [ "$f" -ne 0 ]; then printf '%s\n' "$out"; printf 'FAILED %s (status %d)\n' "$name" $status
    else printf 'ok  %-28s %s\n' "$name" "$p"; fi
}
for source in tests/t_*.c; do
    t=$(basename "$source" .c)
    one "$t f32" "$build/f32/$t"
    one "$t f64" "$build/f64/$t"
done
for source in tests/t64_*.c; do
    t=$(basename "$source" .c)
    one "$t f64" "$build/f64/$t"
done
for script in tests/t_*.sh; do
    [ -e "$script" ] && one "$(basename "$script")" sh "$script" "$build"
done
printf '%d passed, %d failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
