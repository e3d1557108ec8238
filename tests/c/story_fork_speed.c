/* Story 3: how long a fork takes beside many threads that have allocated. `story_fork_speed THREADS` prints the
 * shortest of 60 forks in nanoseconds; the driver only compares such figures with one another. */
#include "check.h"
#include <pthread.h>
#include <sys/wait.h>

static pthread_barrier_t ready, over;

static void *waits(void *unused)
{
    void *blocks[20];
    for (int i = 0; i < 20; i++)
        blocks[i] = hide(malloc((size_t)16 << i % 9));
    for (int i = 0; i < 20; i++)
        free(blocks[i]);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&over);
    return unused;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    unsigned threads = (unsigned)atoi(argv[1]);
    double shortest = 1e9;
    pthread_t thread;
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 65536) == 0);
    CHECK(pthread_barrier_init(&ready, NULL, threads + 1) == 0 && pthread_barrier_init(&over, NULL, threads + 1) == 0);
    for (unsigned i = 0; i < threads; i++)
        CHECK(pthread_create(&thread, &small, waits, NULL) == 0);
    pthread_barrier_wait(&ready);
    for (int i = 0; i < 60; i++) {
        double start = seconds_now();
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        double took = seconds_now() - start;
        CHECK(child > 0 && waitpid(child, NULL, 0) == child);
        if (took < shortest)
            shortest = took;
    }
    say(1, "%.0f\n", shortest * 1e9);
    pthread_barrier_wait(&over);
    return 0;
}
