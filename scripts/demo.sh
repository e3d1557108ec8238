#!/bin/sh
# The product at work: ordinary Unix tools go through this machine's own files,
# once as they are and once with heapmm preloaded. Tells whether the results
# are the same, and what became of the memory. Ends with 0 if all is well.
#
# Usage: scripts/demo.sh [LIBRARY]
set -u

cd "$(dirname "$0")/.." || exit 1
library=${1:-target/release/libheapmm.so}
case $library in
    /*) ;;
    *) library=$PWD/$library ;;
esac
if [ ! -r "$library" ]; then
    echo "demo: there is no $library; make it with: cargo build --release" >&2
    exit 1
fi

LC_ALL=C
TZ=UTC0
export LC_ALL TZ
work=$(mktemp -d "${TMPDIR:-/tmp}/heapmm.demo.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/reports" "$work/plain" "$work/heapmm" "$work/input"

# The stages: a name, the programs that it needs, and a shell command that works
# on the lists files.txt and texts.txt in its directory. Each prints its result.
stages() {
    cat <<'END'
names|find sort|find /usr/include /etc /usr/share/doc -xdev -type f -readable -printf '%s %p\n' 2>/dev/null | sort -k2 | head -n 30000
sizes|sort awk|sort -rn files.txt | awk '{ n++; s += $1; if (n <= 5) print } END { print n, s }'
endings|sed sort uniq|sed -n 's/.*\.\([A-Za-z0-9]*\)$/\1/p' files.txt | sort | uniq -c | sort -k1,1rn -k2 | head -n 20
searching|xargs grep|xargs -d '\n' grep -aEoh '[a-z_]*(alloc|free)[a-z_]*\(' <texts.txt | sort | uniq -c | sort -k1,1rn -k2 | head -n 40
words|xargs cat tr sort uniq|xargs -d '\n' cat <texts.txt | tr -cs A-Za-z '\n' | sort | uniq -c | sort -k1,1rn -k2 | head -n 100
fields|awk sort|awk '{ d = $2; sub(/[^\/]*$/, "", d); n[d]++; s[d] += $1 } END { for (d in n) print n[d], s[d], d }' files.txt | sort -k1,1rn -k3
editing|xargs sed cksum|xargs -d '\n' sed -E 's/([A-Za-z_]+)\(([^)]*)\)/\2<\1>/g;/^[[:space:]]*$/d' <texts.txt | cksum
sums|xargs sha256sum|xargs -d '\n' sha256sum <texts.txt
archive|tar cksum|tar --sort=name --mtime=@0 -cf - -T texts.txt 2>/dev/null | cksum
compressed|tar gzip cksum|tar --mtime=@0 -cf - -T texts.txt 2>/dev/null | gzip -n | cksum
squeezed|xargs xz cksum|xargs -d '\n' cat <texts.txt | head -c 3000000 | xz -2 | cksum
history|git|git init -q -b main repo && cd repo && xargs -d '\n' -a ../texts.txt cp --backup=numbered -t . && git add . && git -c user.name=demo -c user.email=demo@localhost commit -q -m files && git rev-parse HEAD && git gc -q && git fsck --strict
END
}

# The first of the programs named that is not there.
absent() {
    for program in $1; do
        command -v "$program" >/dev/null 2>&1 || { echo "$program"; return; }
    done
}

# Runs a command in a directory of its own, as it is or with the preload.
perform() {
    directory=$work/$1
    mkdir -p "$directory/$2"
    cp "$work/input/"*.txt "$directory/$2/"
    (
        cd "$directory/$2" || exit 1
        HOME=$directory
        GIT_AUTHOR_DATE='1000000000 +0000'
        GIT_COMMITTER_DATE='1000000000 +0000'
        GIT_CONFIG_NOSYSTEM=1
        export HOME GIT_AUTHOR_DATE GIT_COMMITTER_DATE GIT_CONFIG_NOSYSTEM
        if [ "$1" = heapmm ]; then
            HEAPMM_STATS=exit
            HEAPMM_STATS_FORMAT=json
            HEAPMM_OUT=$work/reports/%p.%n
            LD_PRELOAD=$library
            export HEAPMM_STATS HEAPMM_STATS_FORMAT HEAPMM_OUT LD_PRELOAD
        fi
        exec sh -c "$3"
    ) >"$directory/$2.out" 2>"$directory/$2.err" </dev/null
    echo "exit $?" >>"$directory/$2.out"
}

# The same input for every stage: the names of many files, and the text of some.
find /usr/include /etc /usr/share/doc -xdev -type f -readable -printf '%s %p\n' 2>/dev/null |
    sort -k2 | head -n 30000 >"$work/input/files.txt"
awk '$2 ~ /\.(h|conf|txt)$/ && NF == 2 && (total += $1) < 6000000 { print $2 }' \
    "$work/input/files.txt" >"$work/input/texts.txt"
echo "input: $(wc -l <"$work/input/files.txt") names," \
    "$(wc -l <"$work/input/texts.txt") files of text on this machine"

same=0
different=0
stages >"$work/stages"
while IFS='|' read -r name needs command; do
    lacking=$(absent "$needs")
    if [ -n "$lacking" ]; then
        printf '  %-11s left out: there is no %s here\n' "$name" "$lacking"
        continue
    fi
    perform plain "$name" "$command"
    perform heapmm "$name" "$command"
    if [ "$(tail -n 1 "$work/plain/$name.out")" != 'exit 0' ]; then
        different=$((different + 1))
        printf '  %-11s FAILS even without heapmm: %s\n' "$name" "$command"
        head -n 5 "$work/plain/$name.err"
    elif cmp -s "$work/plain/$name.out" "$work/heapmm/$name.out" &&
        cmp -s "$work/plain/$name.err" "$work/heapmm/$name.err"; then
        same=$((same + 1))
        printf '  %-11s same        %8d bytes  %s\n' \
            "$name" "$(wc -c <"$work/heapmm/$name.out")" "$needs"
    else
        different=$((different + 1))
        printf '  %-11s DIFFERENT   %s\n' "$name" "$command"
        diff "$work/plain/$name.out" "$work/heapmm/$name.out" | head -n 5
        diff "$work/plain/$name.err" "$work/heapmm/$name.err" | head -n 5
    fi
done <"$work/stages"

# Adds up the reports, one line of JSON each, and checks that the rows of every
# one make its footprint.
find "$work/reports" -type f -exec cat {} + | awk '
    function figure(name,   at) {
        if (!match($0, "\"" name "\":[0-9]+")) return 0
        at = length(name) + 3
        return substr($0, RSTART + at, RLENGTH - at) + 0
    }
    function megabytes(n) { return sprintf("%.1f MiB", n / 1048576) }
    BEGIN { rows = split("live slack tags slab_tables cached free tail mapped metadata", row) }
    {
        processes++
        sum = 0
        for (i = 1; i <= rows; i++) sum += figure(row[i])
        if (sum != figure("footprint")) wrong++
        footprint += figure("footprint"); live += figure("live"); free += figure("free")
        peak += figure("peak_footprint")
        if (figure("peak_footprint") > largest) largest = figure("peak_footprint")
        allocs += figure("allocs")
        if (match($0, /"syscalls":\{[^}]*\}/)) {
            calls = substr($0, RSTART + 12, RLENGTH - 13)
            n = split(calls, call, ",")
            for (i = 1; i <= n; i++) { sub(/.*:/, "", call[i]); syscalls += call[i] }
        }
    }
    END {
        print "heap:"
        printf "  %d processes, %d allocations, %d system calls for memory\n", processes, allocs, syscalls
        printf "  footprint at peak: %s together, %s in the largest\n", megabytes(peak), megabytes(largest)
        printf "  at their ends: %s held, of it %s live and %s free\n", megabytes(footprint), megabytes(live), megabytes(free)
        printf "  the rows of %d of %d reports make the footprint\n", processes - wrong, processes
        exit !(processes > 0 && wrong == 0)
    }'
sums=$?

if [ "$different" -eq 0 ] && [ "$same" -gt 0 ] && [ "$sums" -eq 0 ]; then
    echo "verdict: $same of $same stages are the same, and every report adds up"
    exit 0
fi
echo "verdict: FAILED, $different stages differ or fail, reports add up: $([ "$sums" -eq 0 ] && echo yes || echo no)"
exit 1
