/* A mix of sizes that wanders: of the same live bytes most are of one doubling, and every now and then of another one.
 *
 *   live │ 512 B to 1 KiB ──► 32 B to 64 B ──► 1 to 2 KiB ──► ...      some of each length all the time
 *
 * What a time leaves behind, some objects in each of its slabs, must not keep them for ever: the footprint stays within
 * three times the most that was live.
 */
#include "check.h"
#include <malloc.h>

enum { COUNT = 60000, TIME = 200000, TIMES = 25, LIVE = 32 << 20 };

/* A length of `low` to `high` bits. */
static size_t length_of(uint32_t *state, unsigned low, unsigned high)
{
    unsigned bits = low + next_random(state) % (high - low);
    return ((size_t)1 << bits) + next_random(state) % ((size_t)1 << bits);
}

int main(void)
{
    static char *blocks[COUNT];
    static size_t lengths[COUNT];
    uint32_t state = 9;
    size_t live = 0, footprint = 0;
    for (size_t done = 0; done < (size_t)TIME * TIMES; done++) {
        unsigned favourite = 4 + done / TIME * 5 % 9;
        size_t at = next_random(&state) % COUNT;
        free(blocks[at]);
        live -= lengths[at];
        blocks[at] = NULL;
        lengths[at] = 0;
        for (int tries = 0; live < LIVE && tries < 2; tries++) {
            at = next_random(&state) % COUNT;
            if (blocks[at] != NULL)
                continue;
            int is_any = next_random(&state) % 4 == 0;
            lengths[at] = is_any ? length_of(&state, 4, 13) : length_of(&state, favourite, favourite + 1);
            blocks[at] = hide(malloc(lengths[at]));
            CHECK(blocks[at] != NULL);
            memset(blocks[at], 1, lengths[at]);
            live += lengths[at];
        }
        if (done % 10000 == 0) {
            struct mallinfo2 info = mallinfo2();
            size_t now = info.arena + info.hblkhd;
            footprint = now > footprint ? now : footprint;
        }
    }
    CHECK_THAT(footprint, <=, (size_t)3 * LIVE);
    return 0;
}
