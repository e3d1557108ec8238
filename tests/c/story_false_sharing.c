/* Two threads that write to small blocks of their own never write to one line: blocks that each takes, and blocks that
 * each takes after it has freed one that another thread had made. */
#include "proc.h"
#include <pthread.h>

enum { LINE = 64, BLOCKS = 40, MOST_THREADS = 8, SIZES = 3 };

static const size_t sizes[SIZES] = {8, 24, 40};
static char *given[MOST_THREADS][SIZES], *taken[MOST_THREADS][SIZES][BLOCKS];
static pthread_barrier_t all;

static void *takes_blocks(void *number)
{
    int me = (int)(uintptr_t)number;
    pthread_barrier_wait(&all);
    for (int s = 0; s < SIZES; s++) {
        free(given[me][s]);
        for (int i = 0; i < BLOCKS; i++) {
            taken[me][s][i] = hide(malloc(sizes[s]));
            CHECK(taken[me][s][i] != NULL);
            free(taken[me][s][i]);
        }
    }
    pthread_barrier_wait(&all);
    return NULL;
}

/* Whether thread `me` was given a block on the line of `block`. */
static int meets(const char *block, int me, int s)
{
    for (int i = 0; i < BLOCKS; i++)
        if ((uintptr_t)taken[me][s][i] / LINE == (uintptr_t)block / LINE)
            return 1;
    return 0;
}

int main(void)
{
    pthread_t threads[MOST_THREADS];
    CHECK(pthread_barrier_init(&all, NULL, MOST_THREADS) == 0);
    for (int me = 0; me < MOST_THREADS; me++)
        for (int s = 0; s < SIZES; s++)
            CHECK((given[me][s] = hide(malloc(sizes[s]))) != NULL);

    for (int me = 0; me < MOST_THREADS; me++)
        CHECK(pthread_create(&threads[me], NULL, takes_blocks, (void *)(uintptr_t)me) == 0);
    for (int me = 0; me < MOST_THREADS; me++)
        CHECK(pthread_join(threads[me], NULL) == 0);

    int shared = 0;
    for (int me = 0; me < MOST_THREADS; me++)
        for (int other = 0; other < me; other++)
            for (int s = 0; s < SIZES; s++)
                shared += meets(taken[me][s][BLOCKS - 1], other, s);
    say(1, "%d pairs of threads share a line\n", shared);
    CHECK_THAT(shared, ==, 0);
    return 0;
}
