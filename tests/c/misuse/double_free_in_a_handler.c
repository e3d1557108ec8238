/* A signal handler over the holder of the allocator's lock frees a block twice, with another between. The next holder
 * tells. */
#include "misuse.h"
#include "heapmm.h"
#include <signal.h>

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

static char *block, *other;

static void on_signal(int signal)
{
    (void)signal;
    free(block);
    free(other);
    free(block);
}

static int interrupts(void *payload, size_t length, heapmm_kind_t kind, void *none)
{
    (void)payload, (void)length, (void)kind, (void)none;
    CHECK(raise(SIGUSR1) == 0);
    return 1;
}

int main(int argc, char **argv)
{
    block = block_of(number(argc, argv));
    other = block_of(number(argc, argv));
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);

    fault_is(block);
    CHECK_THAT(heapmm_walk(interrupts, NULL), ==, 1);
    malloc_trim(0);

    return survived();
}
