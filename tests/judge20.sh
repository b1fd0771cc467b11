#!/bin/sh
# judge20.sh BUILD [--publish] -- the first twenty steps of the shipped judge, as `sdref bench judge --train` makes them
#
# SHA-256 of the averaged weights in F16 after 20 steps against tests/golden/train/first20-judge.sha256: who trains with this program on this
# machine is on the way to weights/judge. --publish writes that file. Status 0: equal; 1: not. About 4 s of one core.
set -u
LC_ALL=C; export LC_ALL
build=${1:-build}
golden=tests/golden/train/first20-judge.sha256
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

"$build/sdref" bench judge "$tmp/judge" --train --until 20 --count 1 --quiet >/dev/null || exit 1
[ -s "$tmp/judge/model.safetensors" ] || { echo "judge20.sh: no weights were made" >&2; exit 1; }
found=$(digest <"$tmp/judge/model.safetensors")
[ ${#found} -eq 64 ] || { echo "judge20.sh: no digest was made" >&2; exit 1; }
[ "${2:-}" = --publish ] && echo "$found" >"$golden"
expected=$(cat "$golden" 2>/dev/null)
if [ "$found" = "$expected" ]; then
    echo "the first 20 steps are those of the shipped judge: $found"
    echo "1 passed, 0 failed"
    exit 0
fi
echo "judge20.sh: the weights after 20 steps are $found, expected ${expected:-"$golden"}" >&2
echo "0 passed, 1 failed"
exit 1
