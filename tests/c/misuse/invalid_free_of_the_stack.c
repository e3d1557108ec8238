/* A variable on the stack is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    _Alignas(16) char variable[256];
    memset(variable, (int)number(argc, argv), sizeof variable);

    fault_is(variable + 64);
    free(hide(variable + 64));

    return survived();
}
