# Arrays, expansions and functions in the shell itself; no process is started.
declare -A seen
list=()
for ((i = 0; i < 12000; i++)); do
    word="name_$((i * 7919 % 4001))"
    seen[$word]=$((${seen[$word]:-0} + 1))
    list+=("${word^^}-$i")
done
joined="${list[*]}"
echo "${#seen[@]} ${#joined}"
