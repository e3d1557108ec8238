/* The start of a page inside a block is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv)), *page = (char *)(((uintptr_t)block + 8191) & ~(uintptr_t)4095);

    fault_is(page);
    free(page);

    free(block);
    return survived();
}
