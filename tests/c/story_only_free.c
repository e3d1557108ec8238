/* Story 8: one thread allocates, another one only frees; what is held stays within 1.3 times what is live. */
#include "check.h"
#include <malloc.h>
#include <pthread.h>

enum { ROUNDS = 60, BLOCKS = 12000 };

static char *batches[2][BLOCKS];
static size_t lengths[2][BLOCKS];
static pthread_barrier_t exchange;

static void *only_frees(void *unused)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&exchange);
        for (int i = 0; i < BLOCKS; i++) {
            CHECK(is_stamped(batches[round % 2][i], lengths[round % 2][i], (unsigned)i));
            free(batches[round % 2][i]);
        }
        pthread_barrier_wait(&exchange);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    uint32_t state = 1;
    CHECK(pthread_barrier_init(&exchange, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, only_frees, NULL) == 0);
    size_t most_live = 0, most_held = 0, total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t live = 0;
        for (int i = 0; i < BLOCKS; i++) {
            size_t n = 100 + next_random(&state) % 3900;
            char *block = hide(malloc(n));
            CHECK(block != NULL);
            stamp(block, n, (unsigned)i);
            batches[round % 2][i] = block;
            lengths[round % 2][i] = n;
            live += n;
        }
        struct mallinfo2 now = mallinfo2();
        total += live;
        if (live > most_live)
            most_live = live;
        if (now.arena + now.hblkhd > most_held)
            most_held = now.arena + now.hblkhd;
        pthread_barrier_wait(&exchange);
        pthread_barrier_wait(&exchange);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    say(1, "%zu bytes in all, at most %zu live, at most %zu held\n", total, most_live, most_held);
    CHECK_THAT(total, >, 30 * most_live);
    CHECK_THAT(most_held * 10, <=, most_live * 13);
    return 0;
}
