# make builds a library and a program of many C files, two jobs at a time.
set -eu
work=$1

i=0
while [ $i -lt "$work" ]; do
    i=$((i + 1))
    echo "int part$i(int x) { return x * $i + 1; }" >"part$i.c"
done
{
    seq 1 "$work" | sed 's/.*/int part&(int);/'
    echo '#include <stdio.h>'
    echo 'int main(void) { unsigned x = 1;'
    seq 1 "$work" | sed 's/.*/    x = (unsigned)part&((int)(x % 1000));/'
    printf '%s\n' '    printf("%u\n", x); return 0; }'
} >main.c
cat >Makefile <<'END'
parts := $(patsubst %.c,%.o,$(wildcard part*.c))
prog: main.o libparts.a
	@$(CC) -o $@ main.o -L. -lparts
libparts.a: $(sort $(parts))
	@$(AR) rcsD $@ $^
%.o: %.c
	@$(CC) -O1 -c -o $@ $<
END
make -s -j 2
./prog
ar t libparts.a | wc -l
cksum libparts.a
make -s -q prog && echo 'all is up to date'
touch -d 2001-01-01 part1.o
make -n prog | grep -c part1.c
