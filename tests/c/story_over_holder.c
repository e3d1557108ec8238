/* Story 13: a handler over the holder of the allocator's lock takes and gives 66 KB, 20,000 times. What it gives serves
 * it again: otherwise it would have 1.3 GB before the holder goes on. `story_over_holder`.
 */
#include "check.h"
#include "heapmm.h"
#include <signal.h>
#include <sys/resource.h>

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

enum { TURNS = 20000, HELD = 8, LENGTH = 66000, MOST_KB = 4096 };

static char *blocks[HELD];
static int turns;

static void on_signal(int signal)
{
    (void)signal;
    for (; turns < TURNS; turns++) {
        int at = turns % HELD;
        CHECK(blocks[at] == NULL || is_stamped(blocks[at], LENGTH, (unsigned)at));
        free(blocks[at]);
        blocks[at] = hide(turns % 3 == 0 ? calloc(1, LENGTH) : malloc(LENGTH));
        CHECK(blocks[at] != NULL);
        CHECK(turns % 3 != 0 || is_zero(blocks[at], LENGTH));
        stamp(blocks[at], LENGTH, (unsigned)at);
    }
}

/* The walk holds the lock. */
static int interrupts(void *payload, size_t length, heapmm_kind_t kind, void *none)
{
    (void)payload, (void)length, (void)kind, (void)none;
    CHECK(raise(SIGUSR1) == 0);
    return 1;
}

static long peak_kb(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

int main(void)
{
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    free(hide(malloc(100)));
    long before = peak_kb();
    CHECK_THAT(heapmm_walk(interrupts, NULL), ==, 1);
    CHECK_THAT(turns, ==, TURNS);
    CHECK_THAT(peak_kb() - before, <=, MOST_KB);
    for (int at = 0; at < HELD; at++) {
        CHECK(is_stamped(blocks[at], LENGTH, (unsigned)at));
        free(blocks[at]);
    }
    return 0;
}
