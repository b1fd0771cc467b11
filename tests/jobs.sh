#!/bin/sh
# jobs.sh -- run test programs side by side, one a core: each line of the input is "NAME COMMAND [WORD ...]"
#
# A command passes by its last line, "N passed, N failed", and its status 0; one without such a line, or that ends well in neither
# sense, is one failure more. With --status before them ("--status NAME COMMAND ..."), by the status alone, as one check.
# Prints a line for each as it ends, all that it said where it failed; the last line is "N passed, N failed" over all.
set -u
if [ "${1:-}" = --one ]; then
    tally=$2 by=line; shift 2
    [ "$1" = --status ] && by=status && shift
    name=$1; shift
    out=$("$@" 2>&1 </dev/null); status=$?
    last=$(printf '%s\n' "$out" | tail -n 1)
    p=$(printf '%s\n' "$last" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1/p')
    f=$(printf '%s\n' "$last" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\2/p')
    if [ $by = status ]; then
        if [ $status -eq 0 ]; then p=1 f=0; else p=0 f=1; fi
    elif [ -z "$p" ] || { [ $status -ne 0 ] && [ "$f" = 0 ]; }; then p=${p:-0}; f=$(( ${f:-0} + 1 )); fi
    if [ "$f" -eq 0 ]; then text=$(printf 'ok  %-36s %s' "$name" "$p")
    else text=$(printf '%s\nFAILED %s (status %d)' "$(printf '%s\n' "$out" | tail -n 80)" "$name" $status); fi
    printf '%s\n' "$text"
    printf '%d %d\n' "$p" "$f" >>"$tally"
    exit 0
fi
tally=$(mktemp) || exit 2
trap 'rm -f "$tally" "$tally.list"' EXIT
trap 'exit 2' HUP INT TERM
cat >"$tally.list"
xargs -L 1 -P "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)" sh "$0" --one "$tally" <"$tally.list"
awk -v wanted="$(grep -c . "$tally.list")" '{ p += $1; f += $2 }
    END { f += wanted - NR; printf "%d passed, %d failed\n", p, f; exit !(f == 0 && p > 0) }' "$tally"
