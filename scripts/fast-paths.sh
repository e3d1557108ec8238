#!/bin/sh
# The instructions of malloc's and free's fast paths: at most 20 and 28 up to the first return, none of
# them locked, none a call. Branches to the slow side are not followed.
set -eu
library=${1:-$(dirname "$0")/../target/release/libheapmm.so}

if [ ! -r "$library" ]; then
    echo "fast-paths: there is no $library; run make first" >&2
    exit 1
fi
if ! nm -D --defined-only "$library" 2>/dev/null | grep -q ' heapmm_version$'; then
    echo "fast-paths: $library is not the library of heapmm" >&2
    exit 1
fi

check() {
    objdump -d --no-show-raw-insn "$library" | awk -v at="$1" -v most="$2" '
        $1 == at && NF == 2 && $2 ~ /^</ { inside = 1; next }
        inside && NF {
            count++
            if ($2 ~ /^(lock|call)/) bad = 1
            if ($2 == "ret") exit
        }
        END {
            if (!inside) { print "no function at " at; exit 2 }
            printf "%d instructions, at most %d%s\n", count, most, bad ? ", a call or a lock among them" : ""
            exit (bad || count > most)
        }'
}

address() {
    nm -D --defined-only "$library" | awk -v name="$1" '$3 == name { print $1 }'
}

printf 'malloc: '
check "$(address malloc)" 20
printf 'free:   '
check "$(address free)" 28
