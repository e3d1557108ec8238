# gcc compiles, assembles and links C; what it makes runs.
set -eu
work=$1

{
    echo '#include <stdio.h>'
    echo '#include <stdlib.h>'
    echo '#include <string.h>'
    i=0
    while [ $i -lt "$work" ]; do
        i=$((i + 1))
        echo "static unsigned f$i(unsigned x) { char t[64]; for (int i = 0; i < $i; i++) x = x * ${i}u + i;"
        echo "    snprintf(t, sizeof t, \"%u\", x); return x ^ (unsigned)strlen(t); }"
    done
    echo 'int main(void) { unsigned x = 1;'
    seq 1 "$work" | sed 's/.*/    x = f&(x);/'
    printf '%s\n' '    printf("%u\n", x); return (int)(x % 100); }'
} >prog.c

for options in '-O0 -g' '-O2 -flto' '-O3 -Wall -Wextra -pipe'; do
    # shellcheck disable=SC2086 # the options are several words
    gcc $options -o prog prog.c
    ./prog || echo "ends with $?"
done
gcc -O2 -S -o - prog.c | cksum
echo 'int broken( {' >bad.c
gcc -c bad.c || echo "gcc ends with $?"
