# gdb reads a program's symbols, runs it, stops, looks around, and goes on. The
# argument is run, or read for symbols alone: reading those of the libraries of
# a running program takes many requests.
set -eu

cat >prog.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; int value; };
static int depth(struct node *n) { return n ? 1 + depth(n->next) : 0; }
int main(void) {
    struct node *list = NULL;
    for (int i = 0; i < 5; i++) {
        struct node *n = malloc(sizeof *n);
        n->next = list;
        n->value = i;
        list = n;
    }
    char *text = strdup("a word");
    printf("%s %d\n", text, depth(list));
    return 0;
}
END
ask() {
    gdb -nx -batch -iex 'set debuginfod enabled off' "$@" ./prog 2>&1 |
        grep -v -e '^\[' -e 'linux-vdso' -e 'warning: Error disabling' | sed 's/0x[0-9a-f]*/ADDRESS/g'
}

gcc -g -O0 -o prog prog.c
ask -ex 'list main' -ex 'ptype struct node' -ex 'info scope depth' -ex 'disassemble depth' \
    -ex 'print sizeof(struct node) * 3' -ex 'print no_such_variable'
[ "$1" = read ] || ask -ex 'break depth if !n' -ex run -ex backtrace \
    -ex 'up 2' -ex 'print n->value' -ex 'up 4' -ex 'print *text@6' -ex 'info locals' \
    -ex 'delete' -ex 'print depth(list->next)' -ex continue
