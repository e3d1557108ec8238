/* Story 2: a daemon whose generations fork beside threads. `story_generations COUNT`: what the threads keep that stay
 * behind is the child's, and does not add up.
 *
 *   four threads fill their bins ── fork ── four threads ── fork ── ... ── the last is no larger
 *
 * One of the threads is at work meanwhile, so that a fork may find it in the middle of a call.
 */
#include "proc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 4, SMALL = 200, LARGE = 8000, BLOCKS = 100, MOST = 48 << 20 };

static pthread_barrier_t met;
static atomic_int over;

static void fill_bins(unsigned seed, size_t most)
{
    char *blocks[BLOCKS];
    for (size_t size = 16; size < most; size += 100) {
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = hide(malloc(size));
            CHECK(blocks[i] != NULL);
            stamp(blocks[i], size, seed);
        }
        for (int i = 0; i < BLOCKS; i++) {
            CHECK(is_stamped(blocks[i], size, seed));
            free(blocks[i]);
        }
    }
}

static void *lives(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number;
    int is_busy = seed == 0;
    fill_bins(seed, is_busy ? SMALL : LARGE);
    pthread_barrier_wait(&met);
    while (is_busy && !over)
        fill_bins(seed, SMALL);
    pause();
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    for (int left = atoi(argv[1]); left > 0; left--) {
        pthread_t thread;
        CHECK(pthread_barrier_init(&met, NULL, THREADS + 1) == 0);
        for (uintptr_t i = 0; i < THREADS; i++)
            CHECK(pthread_create(&thread, NULL, lives, (void *)i) == 0);
        pthread_barrier_wait(&met);
        fill_bins(THREADS, LARGE);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child > 0) {
            int status;
            over = 1;
            CHECK(waitpid(child, &status, 0) == child);
            _exit(status == 0 ? 0 : 1);
        }
    }
    CHECK_THAT(resident(), <=, MOST);
    _exit(0);
}
