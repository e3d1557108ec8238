/* Story 4: threads that end without a word. `story_silent HOW`: nobody tells the library that they end, since
 *
 *   keys    the program has all keys of the C library, and none is left for the library
 *   last    they allocate in the last round of the destructors for the first time
 *   forked  as `keys`, in the child of a fork, where threads have other numbers
 *   raw     they live on, in a fork that no handler is told of: none of them may be taken for one that ended
 */
#include "proc.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Each thread keeps about a megabyte in its bins; so many of them may be left. */
enum { THREADS = 200, MOST = 48 << 20, BLOCKS = 100, BESIDE = 20, COMERS = 60, ROUNDS = 4 };

static pthread_key_t key;
static pthread_barrier_t met;
static void *kept;

static void fill_bins(void)
{
    void *blocks[BLOCKS];
    for (int size = 16; size < 4000; size += 100) {
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = hide(malloc((size_t)size));
            CHECK(blocks[i] != NULL);
            memset(blocks[i], 1, (size_t)size);
        }
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
}

static void *allocates(void *unused)
{
    fill_bins();
    return unused;
}

static void comes_again(void *round)
{
    if ((intptr_t)round == ROUNDS)
        fill_bins();
    else
        CHECK(pthread_setspecific(key, (char *)round + 1) == 0);
}

static void *allocates_last(void *unused)
{
    CHECK(pthread_setspecific(key, (void *)1) == 0);
    return unused;
}

static void come_and_go(void *(*run)(void *))
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK_THAT(resident(), <=, MOST);
}

static void take_all_keys(void)
{
    pthread_key_t taken;
    while (pthread_key_create(&taken, NULL) == 0)
        continue;
}

static void *stays(void *unused)
{
    free(hide(malloc(50)));
    pthread_barrier_wait(&met);
    return pause() == 0 ? unused : NULL;
}

/* All are there at once; what another thread keeps in its bins is not for them. */
static void *asks(void *unused)
{
    free(hide(malloc(24)));
    pthread_barrier_wait(&met);
    pthread_barrier_wait(&met);
    CHECK(hide(malloc(24)) != kept);
    return unused;
}

/* The one that forks is one of the last to come, and is numbered in its parent. */
static void *forks_raw(void *unused)
{
    kept = hide(malloc(24));
    pid_t child = (pid_t)syscall(SYS_fork);
    CHECK(child >= 0);
    if (child == 0) {
        pthread_t threads[COMERS];
        pthread_barrier_init(&met, NULL, COMERS + 1);
        for (int i = 0; i < COMERS; i++)
            CHECK(pthread_create(&threads[i], NULL, asks, NULL) == 0);
        pthread_barrier_wait(&met);
        free(kept);
        pthread_barrier_wait(&met);
        for (int i = 0; i < COMERS; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_THAT(status, ==, 0);
    return unused;
}

static void fork_raw_beside_others(void)
{
    pthread_t threads[BESIDE], last;
    pthread_barrier_init(&met, NULL, BESIDE + 1);
    for (int i = 0; i < BESIDE; i++)
        CHECK(pthread_create(&threads[i], NULL, stays, NULL) == 0);
    pthread_barrier_wait(&met);
    CHECK(pthread_create(&last, NULL, forks_raw, NULL) == 0);
    CHECK(pthread_join(last, NULL) == 0);
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    const char *how = argv[1];
    if (strcmp(how, "raw") == 0) {
        fork_raw_beside_others();
    } else if (strcmp(how, "last") == 0) {
        /* The library's key is there before ours: its turn comes first in every round. */
        pthread_t first;
        CHECK(pthread_create(&first, NULL, allocates, NULL) == 0);
        CHECK(pthread_join(first, NULL) == 0);
        CHECK(pthread_key_create(&key, comes_again) == 0);
        come_and_go(allocates_last);
    } else {
        take_all_keys();
        come_and_go(allocates);
        pid_t child = strcmp(how, "forked") == 0 ? fork() : -1;
        if (child == 0)
            come_and_go(allocates);
        int status;
        CHECK(child <= 0 || (waitpid(child, &status, 0) == child && status == 0));
    }
    return 0;
}
