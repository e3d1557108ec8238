/* Story 4: many threads that allocate also in their thread-specific destructors, and leave nothing behind.
 *
 * `story_threads COUNT`. Four thousand threads come first, so that what is made once, or fills up once, is not counted.
 *
 *   4,000 threads ── trim ── COUNT / 4 ── trim ── COUNT / 4 ── trim ── COUNT / 4 ── trim ── COUNT / 4 ── trim
 *
 * What each thread loses is lost in every round. A step by which a heap grows once, because a block that lives on stands
 * where the scheduler put it, is in one of them: so the least growth of all rounds counts.
 */
#include "proc.h"
#include <limits.h>
#include <malloc.h>
#include <pthread.h>

/* A thread may not lose a block; LOSS, in bytes, is what the resident set wavers by, for each thread. */
enum { TOGETHER = 8, KEYS = 3, LOSS = 32, ROUNDS = 4 };

static pthread_key_t keys[KEYS];

struct note {
    int key, rounds;
    char *text;
};

static struct note *note_of(int key, int rounds)
{
    struct note *note = hide(malloc(sizeof *note));
    CHECK(note != NULL);
    *note = (struct note){key, rounds, hide(calloc(1, 100 + 700 * (size_t)key))};
    CHECK(note->text != NULL);
    return note;
}

/* Comes back for as long as the C library allows, with new blocks each time. */
static void forget(void *value)
{
    struct note *note = value;
    int key = note->key, rounds = note->rounds;
    char *grown = hide(realloc(note->text, 9000));
    CHECK(grown != NULL);
    free(grown);
    free(note);
    if (rounds > 0)
        CHECK(pthread_setspecific(keys[key], note_of(key, rounds - 1)) == 0);
}

static void *lives(void *unused)
{
    void *blocks[40];
    for (int i = 0; i < 40; i++)
        blocks[i] = hide(malloc((size_t)i * i * 3));
    for (int key = 0; key < KEYS; key++)
        CHECK(pthread_setspecific(keys[key], note_of(key, key)) == 0);
    for (int i = 0; i < 40; i++)
        free(blocks[i]);
    return unused;
}

static void run_threads(int count)
{
    pthread_t threads[TOGETHER];
    for (int done = 0; done < count; done += TOGETHER) {
        for (int i = 0; i < TOGETHER; i++)
            CHECK(pthread_create(&threads[i], NULL, lives, NULL) == 0);
        for (int i = 0; i < TOGETHER; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

struct held {
    long used, held, resident;
};

/* How many threads lived at once is the scheduler's: what they leave ready for the next is no loss, and goes back first. */
static struct held measure(void)
{
    malloc_trim(0);
    struct mallinfo2 info = mallinfo2();
    return (struct held){(long)info.uordblks, (long)(info.arena + info.hblkhd), resident()};
}

static long least(long a, long b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    int count = atoi(argv[1]) / ROUNDS;
    for (int key = 0; key < KEYS; key++)
        CHECK(pthread_key_create(&keys[key], forget) == 0);
    run_threads(4000);
    struct held first = measure(), before = first, lost = {0, LONG_MAX, LONG_MAX};

    for (int round = 0; round < ROUNDS; round++) {
        run_threads(count);
        struct held after = measure();
        say(1, "in use %ld, held %ld, resident %ld\n", after.used, after.held, after.resident);
        lost.held = least(lost.held, after.held - before.held);
        lost.resident = least(lost.resident, after.resident - before.resident);
        before = after;
    }

    CHECK_THAT(before.used, <=, first.used + 16384);
    CHECK_THAT(lost.held, <=, count * LOSS);
    CHECK_THAT(lost.resident, <=, count * LOSS);
    return 0;
}
