/* Story 11: ten thousand large blocks come and go between small ones; the program has at most 60 mappings after that.
 *
 * Purging a piece of a mapping, or changing its protection, splits it: a kernel allows 65,530 and then refuses.
 */
#include "proc.h"
#include <malloc.h>

enum { SLOTS = 24, STEPS = 10000 };

int main(void)
{
    static char *slots[SLOTS], *small[2000];
    uint32_t state = 11;
    int most = 0;
    for (int step = 0; step < STEPS; step++) {
        int slot = (int)(next_random(&state) % SLOTS);
        size_t n = ((size_t)64 << 10) + next_random(&state) % ((size_t)128 << 10 << next_random(&state) % 5);
        free(slots[slot]);
        slots[slot] = hide(malloc(n));
        CHECK(slots[slot] != NULL);
        slots[slot][0] = slots[slot][n / 2] = slots[slot][n - 1] = 1;
        free(small[step % 2000]);
        small[step % 2000] = hide(malloc(next_random(&state) % 3000));
        if (step % 3 == 0)
            slots[slot] = hide(realloc(slots[slot], n + n / 2));
        if (step % 500 == 0) {
            malloc_trim(0);
            int now = mappings();
            most = now > most ? now : most;
        }
    }
    int at_work = mappings();
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    malloc_trim(0);
    say(1, "at most %d mappings, %d at the end, %d after the large blocks\n", most, at_work, mappings());
    CHECK_THAT(mappings(), <=, 60);
    CHECK_THAT(most, <=, 60 + SLOTS);
    for (int i = 0; i < 2000; i++)
        free(small[i]);
    return 0;
}
