# Strings, arrays, substitutions and functions of bash.
set -u
work=$1

declare -A count
for ((i = 0; i < work; i++)); do
    key=$((i * 7919 % 101))
    count[k$key]+=" $i"
done
for key in $(printf '%s\n' "${!count[@]}" | sort); do
    echo "$key:${count[$key]}"
done

text=
for ((i = 0; i < work; i++)); do
    text+="line $i of many"$'\n'
done
echo "${#text} ${text: -20:12}"
replaced=${text//line/row}
echo "${#replaced}"
upper=${replaced^^}
echo "${upper:0:40}"

hanoi() {
    (($1 == 0)) && return
    hanoi $(($1 - 1)) "$2" "$4" "$3"
    moves=$((moves + 1))
    hanoi $(($1 - 1)) "$4" "$3" "$2"
}
moves=0
hanoi 9 a b c
echo "moves $moves"

for ((i = 0; i < work / 10; i++)); do
    (
        inner=$(echo "$i" | tr 0-9 a-j)
        echo "$inner"
    )
done
mapfile -t lines < <(printf '%s' "$text" | sort -r)
echo "${lines[0]} ${#lines[@]}"
