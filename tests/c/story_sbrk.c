/* Story 16: the program moves the break itself, up and down, between its calls of malloc. What it took is its own:
 * the bytes stay, and the allocator neither hands them out nor gives them back. What it wrote above the break before it
 * lowered it is there still, in the page where the break stands: the allocator takes none of it for zero.
 */
#include "shadow.h"
#include <malloc.h>
#include <sys/mman.h>

enum { ROUNDS = 12 };

static void drop_one(uint32_t *state)
{
    free(shadow_drop((int)(next_random(state) % (unsigned)shadowed)));
}

static void churn(uint32_t *state, int steps)
{
    for (int step = 0; step < steps; step++) {
        size_t n = next_random(state) % ((size_t)64 << next_random(state) % 11);
        if (shadowed > 150)
            drop_one(state);
        char *block = hide(step % 2 ? calloc(n, 1) : malloc(n));
        CHECK(block != NULL && (step % 2 == 0 || is_zero(block, n)));
        shadow_take(block, n);
    }
    shadow_check_all();
}

/* Moves the break up and down to where it was. */
static void borrow(intptr_t step)
{
    char *up = sbrk(step);
    CHECK(up != (char *)-1);
    memset(up, 0x33, (size_t)step);
    CHECK(sbrk(-step) != (char *)-1);
}

/* The break stands inside of a page, with a stranger's bytes behind it, before each of many growths. */
static void grow_over_what_was_borrowed(uint32_t *state, size_t size)
{
    for (int round = 0; round < 64; round++) {
        CHECK(sbrk(1 + (intptr_t)(next_random(state) % 4000)) != (char *)-1);
        borrow(65536);
        for (int i = 0; i < 3; i++) {
            char *block = hide(calloc(1, size));
            CHECK(block != NULL && is_zero(block, size));
            shadow_take(block, size);
            churn(state, 2);
        }
    }
}

static void free_everything(void)
{
    while (shadowed > 0)
        free(shadow_drop(shadowed - 1));
    malloc_trim(0);
}

/* What the program took before the allocator began goes back: then the heap lies below where it began, and is memory
 * of the break there, too. */
static void grow_below_the_beginning(void)
{
    enum { MINE = 1 << 20 };
    char *low = sbrk(MINE);
    CHECK(low != (char *)-1);
    for (int round = 0; round < 2; round++) {
        char *blocks[40];
        for (int i = 0; i < 40; i++)
            CHECK((blocks[i] = hide(calloc(1, 60000))) != NULL);
        for (int i = 0; i < 40; i++)
            free(blocks[i]);
        malloc_trim(0);
        if (round == 0 && sbrk(0) != low + MINE)
            return;
        if (round == 0)
            CHECK(sbrk(-MINE) != (char *)-1);
    }
    char *from = (char *)(((uintptr_t)low + 4095) & ~(uintptr_t)4095), *to = sbrk(0);
    CHECK(to <= from || msync(from, (size_t)(to - from), MS_ASYNC) == 0);
}

int main(void)
{
    grow_below_the_beginning();
    static char *mine[ROUNDS];
    static const intptr_t steps[] = {65536, 4096, 17, 1 << 20, 100001, 8};
    uint32_t state = 21;
    churn(&state, 500);
    for (int round = 0; round < ROUNDS; round++) {
        intptr_t step = steps[round % 6];
        borrow(step);
        churn(&state, 100);

        mine[round] = sbrk(step);
        CHECK(mine[round] != (char *)-1);
        stamp(mine[round], (size_t)step, (unsigned)round);
        borrow(step);
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
    grow_over_what_was_borrowed(&state, 3000);
    free_everything();
    grow_over_what_was_borrowed(&state, 100000);
    free_everything();
    CHECK((char *)sbrk(0) >= mine[ROUNDS - 1] + steps[(ROUNDS - 1) % 6]);
    return 0;
}
