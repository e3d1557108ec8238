/* Story 10 for a program that goes from a burst to a call now and then: of these, too, few pass before what
 * is free goes back. `story_light`, several times over:
 *
 *   96 MiB of one size ── all but 1 in 50 freed ── 16 pairs of calls, 50 ms apart
 *
 * Then most of what it took is gone again.
 */
#include "proc.h"

enum { LEN = 4000, COUNT = (96 << 20) / LEN, KEPT = 50, ROUNDS = 6, PAIRS = 16, PAUSE = 50000 };

static char *blocks[COUNT];

int main(void)
{
    uint32_t state = 3;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++) {
            blocks[i] = hide(malloc(LEN));
            CHECK(blocks[i] != NULL);
            memset(blocks[i], 1, LEN);
        }
        long during = resident();
        for (int i = 0; i < COUNT; i++)
            if (next_random(&state) % KEPT != 0) {
                free(blocks[i]);
                blocks[i] = NULL;
            }

        for (int i = 0; i < PAIRS; i++) {
            usleep(PAUSE);
            free(hide(malloc(LEN)));
        }

        long after = resident();
        say(1, "resident %ld, then %ld KiB\n", during / 1024, after / 1024);
        CHECK_THAT(during, >, LEN * (COUNT / 10 * 9));
        CHECK_THAT(after, <, during / 2);
        for (int i = 0; i < COUNT; i++)
            free(blocks[i]);
    }
    return 0;
}
