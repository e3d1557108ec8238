/* A static array is freed. */
#include "misuse.h"
static _Alignas(16) char array[4096] = {1};

int main(int argc, char **argv)
{
    memset(array, (int)number(argc, argv), sizeof array);

    fault_is(array + 64);
    free(hide(array + 64));

    return survived();
}
