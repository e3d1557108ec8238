/* Story 14: the kernel refuses brk, mmap, mremap, munmap and madvise from now on. `story_refusal CALLS ERRNO`.
 *
 * With both sources of memory refused, requests end in NULL with ENOMEM, and what was freed is served again. With one
 * source left, everything is served.
 */
#include "fault.h"
#include <malloc.h>

enum { SLOTS = 200, MOST = 200000 };

static char *slots[SLOTS], *more[MOST];
static size_t lengths[SLOTS];

static void check_intact(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        CHECK(is_stamped(slots[i], lengths[i], i));
}

/* Frees each block and asks for its size again: that memory is at hand. */
static void replace_all(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        errno = 4711;
        free(slots[i]);
        CHECK_THAT(errno, ==, 4711);
        slots[i] = hide(i % 2 ? calloc(lengths[i], 1) : malloc(lengths[i]));
        CHECK_THAT(slots[i] == NULL ? (long long)lengths[i] : 0, ==, 0);
        CHECK(i % 2 == 0 || is_zero(slots[i], lengths[i]));
        stamp(slots[i], lengths[i], i);
    }
}

/* Allocates until a request is refused, or until there are `wanted` blocks. */
static int fill_until_refused(size_t size, int wanted)
{
    int count = 0;
    for (; count < wanted; count++) {
        errno = 0;
        more[count] = hide(malloc(size));
        if (more[count] == NULL) {
            CHECK_THAT(errno, ==, ENOMEM);
            break;
        }
        memset(more[count], 7, size);
    }
    return count;
}

static void drop(int count)
{
    for (int i = 0; i < count; i++) {
        errno = 4711;
        free(more[i]);
        CHECK_THAT(errno, ==, 4711);
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {24, 1000, 30000, 1 << 20};
    uint32_t state = 8;
    CHECK_THAT(argc, ==, 3);
    int calls = atoi(argv[1]), none_left = (calls & (CALL_BRK | CALL_MMAP)) == (CALL_BRK | CALL_MMAP);
    for (unsigned i = 0; i < SLOTS; i++) {
        lengths[i] = next_random(&state) % ((size_t)32 << next_random(&state) % 13);
        slots[i] = hide(malloc(lengths[i]));
        stamp(slots[i], lengths[i], i);
    }

    fault_refuse(calls, atoi(argv[2]));

    check_intact();
    replace_all();
    for (int s = 0; s < 4; s++) {
        int most = (int)((64 << 20) / sizes[s]), wanted = most < MOST ? most : MOST;
        int first = fill_until_refused(sizes[s], wanted);
        CHECK(none_left ? first < wanted : first == wanted);
        if (none_left) {
            errno = 0;
            CHECK(malloc(200 << 20) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(realloc(slots[0], 200 << 20) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(calloc(1 << 20, 200) == NULL && errno == ENOMEM);
        }
        check_intact();
        drop(first);
        int second = fill_until_refused(sizes[s], wanted);
        CHECK_THAT(second, >=, first - first / 50);
        drop(second);
        malloc_trim(0);
        replace_all();
        check_intact();
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    say(1, "over\n");
    return 0;
}
