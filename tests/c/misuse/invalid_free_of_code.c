/* The address of a function is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *code = (char *)((uintptr_t)&survived & ~(uintptr_t)15);
    CHECK(number(argc, argv) != 0);

    fault_is(code);
    free(hide(code));

    return survived();
}
