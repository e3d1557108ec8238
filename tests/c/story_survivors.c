/* Story 10: of every size that a program goes through, one block in fifty survives. No slab becomes empty, but most of
 * their pages are free: they go back while the heap grows for the next size, and serve again when theirs comes back.
 * `story_survivors TOTAL`: the most megabytes that may be resident.
 */
#include "heapmm.h"
#include "proc.h"
#include <sys/mman.h>

/* The library that is preloaded has it. */
#pragma weak heapmm_check

enum { BYTES = 24 << 20, SURVIVES = 50, SMALLEST = 256, SIZES = 10, PAGE = 4096 };

struct survivor {
    char *block;
    size_t length;
};

static struct survivor *survivors;
static size_t number;
static uint32_t state = 1;

static void go_through(size_t length)
{
    static char *blocks[BYTES / SMALLEST];
    size_t count = BYTES / length;
    for (size_t n = 0; n < count; n++) {
        CHECK((blocks[n] = hide(n % 4 == 0 ? calloc(1, length) : malloc(length))) != NULL);
        CHECK(n % 4 != 0 || is_zero(blocks[n], length));
        stamp(blocks[n], length, (unsigned)n);
    }
    for (size_t n = 0; n < count; n++) {
        CHECK(is_stamped(blocks[n], length, (unsigned)n));
        if (next_random(&state) % SURVIVES != 0) {
            free(blocks[n]);
            continue;
        }
        stamp(blocks[n], length, (unsigned)number);
        survivors[number++] = (struct survivor){blocks[n], length};
    }
}

static void check_survivors(void)
{
    for (size_t n = 0; n < number; n++)
        CHECK(is_stamped(survivors[n].block, survivors[n].length, (unsigned)n));
    if (heapmm_check)
        CHECK_THAT(heapmm_check(), ==, 0);
}

/* Pages of the survivors' neighbourhood that nobody has. */
static size_t absent_pages(void)
{
    size_t absent = 0;
    for (size_t n = 0; n < number; n++) {
        unsigned char is_here = 1;
        char *page = (char *)((uintptr_t)survivors[n].block / PAGE * PAGE) + PAGE;
        absent += mincore(page, PAGE, &is_here) == 0 && !(is_here & 1);
    }
    return absent;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    CHECK((survivors = malloc(2 * SIZES * (size_t)(BYTES / SMALLEST) / 10 * sizeof *survivors)) != NULL);
    for (size_t n = 0, length = SMALLEST; n < SIZES; n++, length += length / 4 / 16 * 16)
        go_through(length);
    long peak = status_of("VmHWM") >> 20;
    size_t absent = absent_pages();
    check_survivors();
    /* The sizes come back: their slabs serve again. */
    for (size_t n = 0, length = SMALLEST; n < SIZES; n++, length += length / 4 / 16 * 16)
        go_through(length);
    check_survivors();
    for (size_t n = 0; n < number; n++)
        free(survivors[n].block);
    if (heapmm_check)
        CHECK_THAT(heapmm_check(), ==, 0);
    say(1, "%ld MB, %zu survivors, %zu pages beside them absent\n", peak, number, absent);
    CHECK_THAT(peak, <=, atoi(argv[1]));
    return 0;
}
