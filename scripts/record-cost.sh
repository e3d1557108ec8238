#!/usr/bin/env bash
# What recording costs: processor time of a program that is recorded, against the same under the library alone
# (the least of as many runs each as there are rounds, in turn), and bytes of the finished trace for each event.
# Bars: twice the time, four bytes. Programs that are missing are left out. Usage: record-cost.sh [rounds]; five
# if none is said.
set -eu
rounds=${1-5}
case $rounds in
    '' | *[!0-9]* | 0*) echo "record-cost: '$rounds' is no number of rounds; it takes 1 or more" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
built=${CARGO_TARGET_DIR:-$root/target}/release
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
TIMEFORMAT='%3U %3S'

# seconds VARIABLES -- COMMAND...: user and system time of a run under the library.
seconds() {
    local variables=()
    while [ "$1" != -- ]; do variables+=("$1"); shift; done
    shift
    { time env LD_PRELOAD="$built/libheapmm.so" "${variables[@]}" "$@" >/dev/null 2>&1; } 2>&1 |
        awk '{ printf "%.3f\n", $1 + $2 }'
}

least() { sort -n | head -n 1; }

over=0
printf '%-10s %8s %9s %6s %12s %8s\n' program alone recorded ratio events 'bytes each'

# row NAME MOST COMMAND...: with the bar for the ratio.
row() {
    local name=$1 most=$2 round alone recorded events each
    shift 2
    command -v "$1" >/dev/null || { printf '%-10s not found\n' "$name"; return; }
    : >alone
    : >recorded
    for round in $(seq "$rounds"); do
        seconds PYTHONMALLOC=malloc -- "$@" >>alone
        seconds PYTHONMALLOC=malloc HEAPMM_TRACE="$folder/raw.%p.%n" HEAPMM_TRACE_PARENT=0 -- "$@" >>recorded
        rm -f raw.*
    done
    alone=$(least <alone)
    recorded=$(least <recorded)
    PYTHONMALLOC=malloc "$built/heapmm" record -o trace.hmt -- "$@" >/dev/null 2>&1
    events=$("$built/heapmm" trace info --format csv trace.hmt | sed -n 's/^events,//p')
    each=$(awk -v events="$events" -v size="$(wc -c <trace.hmt)" 'BEGIN { printf "%.2f", size / events }')
    awk -v n="$name" -v a="$alone" -v r="$recorded" -v e="$events" -v b="$each" -v m="$most" 'BEGIN {
        printf "%-10s %6.2f s %7.2f s %6.2f %12d %8.2f\n", n, a, r, r / a, e, b
        exit (r > m * a || b > 4)
    }' || over=1
}

cat >heavy.py <<'P'
for n in range(3):
    rows = [(i, str(i), [i]) for i in range(200000)]
    table = {row[1]: row for row in rows}
    names = sorted(key + "x" for key in table)
print(len(names))
P
cat >heavy.pl <<'P'
for my $n (1..3) {
    my %table = map { ("k$_" => [$_, "v$_" x 2, { a => $_ }]) } 0..100000;
    print scalar(keys %table), "\n";
}
P
cat >heavy.sql <<'P'
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
insert into t select i, 'row ' || i || ' of many', i * 1.5 from n;
create index tb on t(b);
select b, sum(c) from t where b like '%9%' group by b order by 2 desc limit 3;
P
cat >heavy.sh <<'P'
declare -A table
for i in {1..30000}; do table[k$i]="value $i"; done
sum=0
for key in "${!table[@]}"; do sum=$((sum + ${#table[$key]})); done
echo $sum
P
gcc -E -I"$root/tests/c" -I"$root/include" "$root/tests/c/misuse_matrix.c" -o heavy.i
# A wrapper would be recorded in its place.
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null) || python=python3

row python3 2 "$python" heavy.py
row perl 2 perl heavy.pl
row gcc 2 "$(gcc -print-prog-name=cc1)" -O2 -quiet -fpreprocessed heavy.i -o /dev/null
row sqlite3 2 sqlite3 :memory: '.read heavy.sql'
row git 2 git -C "$root" log --stat
row bash 2 bash heavy.sh
exit "$over"
