/* Story 4: many threads that allocate also in their thread-specific destructors, and leave nothing behind.
 *
 * `story_threads COUNT`. Four thousand threads come first, so that what is made once, or fills up once, is not counted.
 */
#include "proc.h"
#include <malloc.h>
#include <pthread.h>

/* A thread may not lose a block; LOSS, in bytes, is what the resident set wavers by, for each thread of twenty thousand. */
enum { TOGETHER = 8, KEYS = 3, LOSS = 32 };

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

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    int count = atoi(argv[1]);
    for (int key = 0; key < KEYS; key++)
        CHECK(pthread_key_create(&keys[key], forget) == 0);
    run_threads(4000);
    /* How many lived at once is the scheduler's: what they leave ready for the next is no loss, and goes back first. */
    malloc_trim(0);
    struct mallinfo2 before = mallinfo2();
    long resident_before = resident();

    run_threads(count);

    malloc_trim(0);
    struct mallinfo2 after = mallinfo2();
    long resident_after = resident();
    say(1, "in use %zu to %zu, held %zu to %zu, resident %ld to %ld\n", before.uordblks, after.uordblks,
        before.arena + before.hblkhd, after.arena + after.hblkhd, resident_before, resident_after);
    CHECK_THAT(after.uordblks, <=, before.uordblks + 16384);
    CHECK_THAT((long)(after.arena + after.hblkhd) - (long)(before.arena + before.hblkhd), <=, count * LOSS);
    CHECK_THAT(resident_after - resident_before, <=, count * LOSS);
    return 0;
}
