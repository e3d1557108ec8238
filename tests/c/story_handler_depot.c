/* Story 13: handlers that take and give large and aligned blocks interrupt threads that exchange magazines at the
 * depot, while another thread asks for figures, trims or forks (`story_handler_depot figures|trim|fork`): who holds
 * the allocator's lock may wait for a lock of the depot, so its holder may not wait for the allocator's.
 */
#include "proc.h"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { BLOCKS = 2000, WORKERS = 2, SECONDS = 2, CALLS = 6 };

/* Microseconds between two signals: more than a handler takes, or nobody gets anywhere. */
enum { PERIOD = 500 };

static volatile int done;
static volatile long rounds, handled;

static void handler(int signal)
{
    (void)signal;
    int before = errno;
    for (int i = 0; i < CALLS; i++) {
        void *aligned = NULL, *large = malloc(100000);
        CHECK(large != NULL && posix_memalign(&aligned, 64, 200) == 0);
        free(large);
        free(aligned);
    }
    __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
    errno = before;
}

static void *works(void *unused)
{
    static __thread void *blocks[BLOCKS];
    while (!done) {
        for (int i = 0; i < BLOCKS; i++)
            CHECK((blocks[i] = malloc(3000)) != NULL);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
    }
    return unused;
}

static void *disturbs(void *how)
{
    sigset_t all;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
    while (!done)
        if (strcmp(how, "figures") == 0)
            CHECK(mallinfo2().arena > 0);
        else if (strcmp(how, "trim") == 0)
            malloc_trim(0);
        else {
            pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0)
                _exit(0);
            CHECK(waitpid(child, NULL, 0) == child);
        }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    pthread_t workers[WORKERS], other;
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&workers[i], NULL, works, NULL) == 0);
    CHECK(pthread_create(&other, NULL, disturbs, argv[1]) == 0);
    for (double end = seconds_now() + SECONDS; seconds_now() < end;) {
        for (int i = 0; i < WORKERS; i++)
            CHECK(pthread_kill(workers[i], SIGUSR1) == 0);
        usleep(PERIOD);
    }
    done = 1;
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
    CHECK(pthread_join(other, NULL) == 0);
    say(1, "%ld rounds, %ld handlers\n", rounds, handled);
    CHECK(rounds > 0 && handled > 0);
    return 0;
}
