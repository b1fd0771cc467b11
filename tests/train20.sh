#!/bin/sh
# train20.sh BUILD [--publish] -- the first twenty steps of the shipped prior, as `sdref train prior` makes them
#
# SHA-256 of the tensors of its checkpoint (weights, moments, averaged weights; not the metadata) against
# tests/golden/train/first20.sha256: who trains with this program on this machine is on the way to the shipped weights.
# --publish writes that file. Status 0: equal; 1: not. About 40 s of one core.
set -u
LC_ALL=C; export LC_ALL
build=${1:-build}
golden=tests/golden/train/first20.sha256
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

"$build/sdref" train prior --out "$tmp/run" --until 20 --sample-every 0 --quiet >/dev/null || exit 1
state=$tmp/run/state.safetensors
header=$(od -A n -t u4 -N 4 "$state" | tr -d ' ')          # 8 bytes hold the header's length; it is below 2^32
found=$(tail -c +$((header + 9)) "$state" | digest)
[ ${#found} -eq 64 ] || { echo "train20.sh: no digest was made" >&2; exit 1; }
[ "${2:-}" = --publish ] && echo "$found" >"$golden"
expected=$(cat "$golden" 2>/dev/null)
if [ "$found" = "$expected" ]; then
    echo "the first 20 steps are those of the shipped prior: $found"
    echo "1 passed, 0 failed"
    exit 0
fi
echo "train20.sh: the tensors after 20 steps are $found, expected ${expected:-"$golden"}" >&2
echo "0 passed, 1 failed"
exit 1
