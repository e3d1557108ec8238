/* A shadow of the heap: every live block with its bytes known, so that a wrong answer of the allocator is seen.
 *
 *   shadow_take   a new block may not overlap a live one, nor lie in the prey (memory that is not the heap's)
 *   shadow_check  a live block still holds its bytes, but for those that the misuse itself wrote
 *
 * The first wrong answer ends the process with the status EXPLOITABLE.
 */
#ifndef HEAPMM_TESTS_SHADOW_H
#define HEAPMM_TESTS_SHADOW_H

#include "check.h"

enum { EXPLOITABLE = 40, SHADOW_BLOCKS = 4096, PREY = 1 << 16 };

struct shadowed {
    char *start;
    size_t length;
    unsigned seed;
};

static struct shadowed shadow[SHADOW_BLOCKS];
static int shadowed;
static unsigned shadow_seed;

/* What an attacker would like to be given. */
static _Alignas(4096) char prey[PREY];
static char *stack_low, *stack_high, *mapped_prey;

/* What the misuse itself wrote. */
static char *written_from, *written_to;

__attribute__((noreturn)) static void exploitable(const char *how, const void *where)
{
    say(2, "exploitable: %s at %p\n", how, where);
    _exit(EXPLOITABLE);
}

static int overlaps(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

/* Takes a block into the shadow and fills it. NULL is taken as a refusal: nothing is entered. */
static void shadow_take(char *block, size_t length)
{
    if (block == NULL)
        return;
    size_t span = length == 0 ? 1 : length;
    for (int i = 0; i < shadowed; i++)
        if (overlaps(block, span, shadow[i].start, shadow[i].length == 0 ? 1 : shadow[i].length))
            exploitable(block == shadow[i].start ? "the same block twice" : "overlapping blocks", block);
    if (overlaps(block, span, prey, sizeof prey) || (mapped_prey != NULL && overlaps(block, span, mapped_prey, PREY)) ||
        overlaps(block, span, stack_low, (size_t)(stack_high - stack_low)))
        exploitable("a block that the attacker chose", block);
    CHECK_THAT(shadowed, <, SHADOW_BLOCKS);
    shadow[shadowed++] = (struct shadowed){block, length, ++shadow_seed};
    stamp(block, length, shadow_seed);
}

static void shadow_check(const struct shadowed *one)
{
    if (is_stamped(one->start, one->length, one->seed))
        return;
    for (size_t at = 0; at < one->length; at++) {
        const char *place = one->start + at;
        unsigned char wanted = at % RUN == 0 ? (unsigned char)(one->seed + at / RUN) : (unsigned char)(one->seed * 37 + 11);
        if ((unsigned char)*place != wanted && !(place >= written_from && place < written_to))
            exploitable("live data changed", place);
    }
}

/* Checks a block, takes it out of the shadow and returns it. */
static char *shadow_drop(int index)
{
    shadow_check(&shadow[index]);
    char *block = shadow[index].start;
    shadow[index] = shadow[--shadowed];
    return block;
}

static void shadow_check_all(void)
{
    for (int i = 0; i < shadowed; i++)
        shadow_check(&shadow[i]);
}

static int shadow_find(const char *block)
{
    for (int i = 0; i < shadowed; i++)
        if (shadow[i].start == block)
            return i;
    return -1;
}

#endif
