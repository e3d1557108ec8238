/* A block is freed, and once more by a signal handler over the holder of the allocator's lock. The next holder tells. */
#include "misuse.h"
#include "heapmm.h"
#include <signal.h>

enum { COUNT = 400 };

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

static char *block;

static void on_signal(int signal)
{
    (void)signal;
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
    static char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(number(argc, argv));
    for (int i = 0; i < COUNT; i += 2)
        free(blocks[i]);
    block = blocks[COUNT / 2];
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);

    fault_is(block);
    CHECK_THAT(heapmm_walk(interrupts, NULL), ==, 1);
    malloc_trim(0);

    return survived();
}
