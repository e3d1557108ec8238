/* A pointer one page past the end of the heap is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv)), *past = (char *)sbrk(0) + 4096 + 16;

    fault_is(past);
    free(past);

    free(block);
    return survived();
}
