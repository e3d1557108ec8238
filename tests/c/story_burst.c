/* Story 10: memory goes back after a burst. `story_burst trim` or `story_burst calls`, then the MiB of the burst;
 * with `pages` behind them the break may stay where it is. `story_burst small` trims after small blocks beside a
 * sixteenth of what lives: what the allocator knew of their slabs goes back as well.
 *
 *   64 MiB live ── burst of mixed blocks ── all of it freed ── malloc_trim, or a second of small calls
 *
 * Then the resident set is within 10 % of what it was before the burst, and the break has come down.
 */
#include "proc.h"
#include <malloc.h>
#include <sys/mman.h>

enum { BASE = 64 << 20, MOST = 2000000 };

static char **table(size_t count)
{
    char **blocks = mmap(NULL, count * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(blocks != MAP_FAILED);
    memset(blocks, 0, count * sizeof *blocks);
    return blocks;
}

/* Blocks have up to 64 bytes, doubled less often than this. */
static unsigned doublings = 13;

/* Allocates about `bytes` in mixed sizes, each page touched, and returns how many blocks that were. */
static int fill(char **blocks, size_t bytes, uint32_t *state)
{
    int count = 0;
    for (size_t sum = 0; sum < bytes; count++) {
        size_t n = 16 + next_random(state) % ((size_t)64 << next_random(state) % doublings);
        CHECK_THAT(count, <, MOST);
        blocks[count] = hide(malloc(n));
        CHECK(blocks[count] != NULL);
        for (size_t at = 0; at < n; at += 4096)
            blocks[count][at] = 1;
        blocks[count][n - 1] = 1;
        sum += n;
    }
    return count;
}

static void call_for_a_second(void)
{
    for (double end = seconds_now() + 1.2; seconds_now() < end;)
        for (size_t n = 1; n < 40000; n = n * 2 + 7)
            free(hide(malloc(n)));
}

int main(int argc, char **argv)
{
    CHECK(argc == 3 || argc == 4);
    int is_small = strcmp(argv[1], "small") == 0;
    size_t base_bytes = is_small ? BASE / 16 : BASE;
    doublings = is_small ? 5 : doublings;
    uint32_t state = 3;
    char **base = table(MOST / 8), **burst = table(MOST);
    int live = fill(base, base_bytes, &state);
    free_in_disorder(burst, fill(burst, 1 << 20, &state), &state);
    malloc_trim(0);
    long before = resident();
    char *break_before = sbrk(0);

    int count = fill(burst, (size_t)atol(argv[2]) << 20, &state);
    long during = resident();
    char *break_during = sbrk(0);
    free_in_disorder(burst, count, &state);
    if (strcmp(argv[1], "calls") == 0)
        call_for_a_second();
    else
        malloc_trim(0);

    long after = resident();
    char *break_after = sbrk(0);
    say(1, "%d blocks; resident %ld, %ld, %ld KiB; the break rose by %ld KiB, then %ld KiB\n", count, before / 1024, during / 1024,
        after / 1024, (break_during - break_before) / 1024, (break_after - break_before) / 1024);
    CHECK_THAT(during, >, before + (atol(argv[2]) << 20) / 10 * 9);
    CHECK_THAT(after * 10, <=, before * 11);
    if (argc == 3) {
        CHECK_THAT((break_after - break_before) * 10, <=, (long)base_bytes);
        CHECK_THAT((break_during - break_after), >, (break_during - break_before) / 2);
    }
    for (int i = 0; i < live; i++)
        free(base[i]);
    return 0;
}
