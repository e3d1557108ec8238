/* A block is freed, and once more by a signal handler over the holder of the allocator's lock. The next holder tells. */
#include "misuse.h"
#include "../over_holder.h"

enum { COUNT = 400 };

static char *block;

static void on_signal(int signal)
{
    (void)signal;
    free(block);
}

int main(int argc, char **argv)
{
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(number(argc, argv));
    for (int i = 0; i < COUNT; i += 2)
        free(blocks[i]);
    block = blocks[COUNT / 2];

    fault_is(block);
    over_holder(on_signal);
    malloc_trim(0);

    return survived();
}
