#!/bin/sh
# How often each lock is taken for a million calls of malloc and free: by the rows of bench/load/threads.c, counted by
# valgrind, so that the numbers are those of the instructions and not of a clock.
#
#   scripts/lock-counts.sh [ROW...]        a row is a name and a number of threads: server/4
#
# Wanted: valgrind, gcc, objdump, addr2line. A library with symbols is built in target/locks.
set -eu
cd "$(dirname "$0")/.."
for tool in valgrind gcc objdump addr2line; do
    command -v $tool >/dev/null || { echo "lock-counts: $tool is not installed (scripts/setup.sh installs it)" >&2; exit 1; }
done
out=target/locks
rows=${*:-server/1 server/4 batch/4 uneven/4 phases/4 churn/4}
mkdir -p $out
gcc -O2 -pthread -o $out/threads bench/load/threads.c -lm
for row in $rows; do
    # The least of its work, to see whether it has any.
    case ${row#*/} in
        *[!0-9]*) false ;;
        *) $out/threads "${row%/*}" 0 "${row#*/}" >/dev/null 2>&1 ;;
    esac || {
        echo "lock-counts: $row is no row; one is a name and a number of threads: server/4" >&2
        exit 2
    }
done
CARGO_TARGET_DIR=$out CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1 cargo build --quiet --release -p heapmm
library=$PWD/$out/release/libheapmm.so

# Every instruction that takes a lock, and which: what the depot's source was inlined around, or the state's.
objdump -d --no-show-raw-insn "$library" | awk '/lock cmpxchg/ { sub(":", "", $1); print "0x" $1 }' >$out/takes
while read -r address; do
    chain=$(addr2line -i -e "$library" "$address")
    case $chain in
        *lock.rs*cache/depot.rs*) echo "$address depot" ;;
        *lock.rs*allocator/*) echo "$address state" ;;
    esac
done <$out/takes >$out/kinds
for name in malloc free; do
    nm -D --defined-only "$library" | awk -v name=$name '$3 == name { sub("^0*", "", $1); print "0x" $1, "call" }'
done >>$out/kinds

# What stands behind the first section of code, callgrind names by its place in the process.
placed() {
    base=$(awk '/file=.*libheapmm.so.*generating link map/ { getline; for (i = 1; i < NF; i++) if ($i == "base:") at = $(i + 1) }
        END { print at }' $out/log)
    while read -r address kind; do
        printf '%s %s\n0x%x %s\n' "$address" "$kind" $((base + address)) "$kind"
    done <$out/kinds
}

printf '%-16s %12s %12s %12s\n' row calls state depot
for row in $rows; do
    rm -f $out/counts
    valgrind --tool=callgrind --dump-instr=yes --dump-line=no --compress-pos=no --compress-strings=no \
        --callgrind-out-file=$out/counts --trace-children=yes \
        env LD_DEBUG=files LD_PRELOAD="$library" $out/threads "${row%/*}" 0.2 "${row#*/}" >/dev/null 2>$out/log
    placed >$out/placed
    awk -v row="$row" '
        NR == FNR { kind[$1] = $2; next }
        /^ob=/ { ours = /libheapmm|=\?\?\?$/ }
        /^calls=/ { getline; next }
        ours && $1 in kind { count[kind[$1]] += $2 }
        END {
            million = count["call"] / 1e6
            printf "%-16s %12d %12.0f %12.0f\n", row, count["call"], count["state"] / million, count["depot"] / million
        }' $out/placed $out/counts
done
