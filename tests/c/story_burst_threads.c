/* Story 10 with threads: each of four fills 50 MiB with blocks of 5 to 60 KB, frees them and does nothing more. After
 * 1.2 s of light activity of another thread little more is held than the idle threads may keep for themselves.
 */
#include "proc.h"
#include <pthread.h>

enum { THREADS = 4, BYTES = 50 << 20, SHORTEST = 5000, LONGEST = 60000, MOST = BYTES / SHORTEST, KEPT = 26 << 20 };

static pthread_barrier_t step;

static void *fills_and_frees(void *number)
{
    static char *blocks[THREADS][MOST];
    char **mine = blocks[(uintptr_t)number];
    uint32_t state = (uint32_t)(uintptr_t)number + 1;
    int count = 0;
    for (size_t sum = 0; sum < BYTES; count++) {
        size_t n = SHORTEST + next_random(&state) % (LONGEST - SHORTEST);
        mine[count] = hide(malloc(n));
        CHECK(mine[count] != NULL);
        memset(mine[count], 1, n);
        sum += n;
    }
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    for (int i = 0; i < count; i++)
        free(mine[i]);
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK(pthread_barrier_init(&step, NULL, THREADS + 1) == 0);
    long before = resident();
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, fills_and_frees, (void *)i) == 0);
    pthread_barrier_wait(&step);
    long during = resident();
    pthread_barrier_wait(&step);
    pthread_barrier_wait(&step);
    for (double end = seconds_now() + 1.2; seconds_now() < end; usleep(1000))
        free(hide(malloc(300)));
    long after = resident();
    pthread_barrier_wait(&step);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    say(1, "resident %ld, %ld, %ld KiB\n", before / 1024, during / 1024, after / 1024);
    CHECK_THAT(during - before, >, (long)THREADS * BYTES / 10 * 9);
    CHECK_THAT(after - before, <=, KEPT);
    return 0;
}
