/* A variable on the stack is resized. */
#include "misuse.h"

int main(int argc, char **argv)
{
    _Alignas(16) char variable[256];
    memset(variable, 0x21, sizeof variable);

    fault_is(variable + 64);
    hide(realloc(hide(variable + 64), number(argc, argv)));

    return survived();
}
