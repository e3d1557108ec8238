/* Hundreds of thousands of small blocks are freed in any order, and as many are wanted again: they come in the order of
 * their addresses, however they went. A list in the order of the frees would cost a journey to memory for each block, and
 * the program as many when it goes through what it made.
 */
#include "heapmm.h"
#include "check.h"

/* The library that is preloaded has it. */
#pragma weak heapmm_check

enum { BLOCKS = 400000, LENGTH = 80, NEAR = 4096, ROUNDS = 3 };

static char *blocks[BLOCKS];
static uint32_t state = 1;

static void fill(void)
{
    for (size_t n = 0; n < BLOCKS; n++) {
        CHECK((blocks[n] = hide(malloc(LENGTH))) != NULL);
        memset(blocks[n], (int)n, LENGTH);
    }
}

/* Blocks in a hundred that stand above the one that was made before, by less than a page. */
static size_t near(void)
{
    size_t count = 0;
    for (size_t n = 1; n < BLOCKS; n++)
        count += (uintptr_t)blocks[n] - (uintptr_t)blocks[n - 1] < NEAR;
    return count * 100 / BLOCKS;
}

int main(void)
{
    fill();
    for (int round = 0; round < ROUNDS; round++) {
        free_in_disorder(blocks, BLOCKS, &state);
        fill();
        say(1, "%zu of 100 just above the one before\n", near());
        CHECK_THAT(near(), >=, 95);
    }
    free_in_disorder(blocks, BLOCKS, &state);
    if (heapmm_check)
        CHECK_THAT(heapmm_check(), ==, 0);
    return 0;
}
