/* While much memory lies idle every call looks after it: a block is freed, then another one, then the first again. */
#include "misuse.h"

int main(int argc, char **argv)
{
    enum { COUNT = 150000, IDLE = 200 };
    size_t size = number(argc, argv);
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(IDLE);
    char *first = block_of(size), *second = block_of(size);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    free(first);
    free(second);

    fault_is(first);
    free(first);

    return survived();
}
