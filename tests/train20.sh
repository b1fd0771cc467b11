#!/bin/sh
# train20.sh BUILD [--publish] -- the first twenty steps of the shipped networks, as `sdref train prior` and `sdref train depth` make them
#
# SHA-256 of the tensors of each checkpoint (weights, moments, averaged weights; not the metadata) against
# tests/golden/train/first20.sha256 and first20-depth.sha256: who trains with this program on this machine is on the way to the shipped weights.
# --publish writes those files. Status 0: equal; 1: not. About 50 s of one core.
set -u
LC_ALL=C; export LC_ALL
build=${1:-build}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
digest() { if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

passed=0 failed=0

first20() {   # network, golden file
    "$build/sdref" train "$1" --out "$tmp/$1" --until 20 --sample-every 0 --quiet >/dev/null || return 1
    state=$tmp/$1/state.safetensors
    header=$(od -A n -t u4 -N 4 "$state" | tr -d ' ')          # 8 bytes hold the header's length; it is below 2^32
    found=$(tail -c +$((header + 9)) "$state" | digest)
    [ ${#found} -eq 64 ] || { echo "train20.sh: no digest was made of $1" >&2; return 1; }
    [ "$publish" = --publish ] && echo "$found" >"$2"
    expected=$(cat "$2" 2>/dev/null)
    if [ "$found" = "$expected" ]; then
        echo "the first 20 steps are those of the shipped $1 network: $found"
        return 0
    fi
    echo "train20.sh: the tensors of $1 after 20 steps are $found, expected ${expected:-"$2"}" >&2
    return 1
}

publish=${2:-}
first20 prior tests/golden/train/first20.sha256 && passed=$((passed + 1)) || failed=$((failed + 1))
first20 depth tests/golden/train/first20-depth.sha256 && passed=$((passed + 1)) || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
