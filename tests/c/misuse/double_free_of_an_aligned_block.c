/* A page-aligned block is freed twice. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = hide(memalign(4096, number(argc, argv)));
    CHECK(block != NULL);
    free(block);

    fault_is(block);
    free(block);

    return survived();
}
