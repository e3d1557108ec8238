/* A signal handler over the holder of the allocator's lock frees a block twice, with another between. The next holder
 * tells. */
#include "misuse.h"
#include "../over_holder.h"

static char *block, *other;

static void on_signal(int signal)
{
    (void)signal;
    free(block);
    free(other);
    free(block);
}

int main(int argc, char **argv)
{
    block = block_of(number(argc, argv));
    other = block_of(number(argc, argv));

    fault_is(block);
    over_holder(on_signal);
    malloc_trim(0);

    return survived();
}
