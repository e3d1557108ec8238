/* Story 16: the program moves the break itself, up and down, between its calls of malloc. What it took is its own:
 * the bytes stay, and the allocator neither hands them out nor gives them back. */
#include "shadow.h"
#include <malloc.h>

enum { ROUNDS = 12 };

static void churn(uint32_t *state, int steps)
{
    for (int step = 0; step < steps; step++) {
        size_t n = next_random(state) % ((size_t)64 << next_random(state) % 11);
        if (shadowed > 150)
            free(shadow_drop((int)(next_random(state) % (unsigned)shadowed)));
        char *block = hide(malloc(n));
        CHECK(block != NULL);
        shadow_take(block, n);
    }
    shadow_check_all();
}

static void free_everything(void)
{
    while (shadowed > 0)
        free(shadow_drop(shadowed - 1));
    malloc_trim(0);
}

int main(void)
{
    static char *mine[ROUNDS];
    static const intptr_t steps[] = {65536, 4096, 17, 1 << 20, 100001, 8};
    uint32_t state = 21;
    churn(&state, 500);
    for (int round = 0; round < ROUNDS; round++) {
        intptr_t step = steps[round % 6];
        char *up = sbrk(step);
        CHECK(up != (char *)-1);
        memset(up, 0x33, (size_t)step);
        CHECK(sbrk(-step) != (char *)-1);
        churn(&state, 100);

        mine[round] = sbrk(step);
        CHECK(mine[round] != (char *)-1);
        stamp(mine[round], (size_t)step, (unsigned)round);
        for (int i = 0; i < shadowed; i++)
            CHECK(!overlaps(mine[round], (size_t)step, shadow[i].start, shadow[i].length));
        churn(&state, 300);
        if (round % 3 == 2)
            free_everything();
        for (int earlier = 0; earlier <= round; earlier++)
            CHECK(is_stamped(mine[earlier], (size_t)steps[earlier % 6], (unsigned)earlier));
        CHECK((char *)sbrk(0) >= mine[round] + step);
    }
    free_everything();
    CHECK((char *)sbrk(0) >= mine[ROUNDS - 1] + steps[(ROUNDS - 1) % 6]);
    return 0;
}
