/* Story 2: forks in a signal handler that interrupted malloc, with a second thread at work. `story_fork_in_handler COUNT`.
 *
 * The child may be refused memory there, but it must not hang, and what it gets must be its own.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { SLOTS = 100 };

static volatile sig_atomic_t forks, worst_status;
static atomic_int over;
static int wanted;

static void live_as_child(void)
{
    char *blocks[30];
    sigset_t alarms;
    CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    CHECK(sigprocmask(SIG_UNBLOCK, &alarms, NULL) == 0);
    alarm(20);
    for (unsigned i = 0; i < 30; i++) {
        blocks[i] = hide(malloc(i * 40));
        if (blocks[i] != NULL)
            stamp(blocks[i], i * 40, i);
    }
    for (unsigned i = 0; i < 30; i++) {
        CHECK(blocks[i] == NULL || is_stamped(blocks[i], i * 40, i));
        free(blocks[i]);
    }
    _exit(0);
}

/* One tick after a while that differs from tick to tick. */
static void tick_later(void)
{
    static uint32_t state = 9;
    struct itimerval once = {{0, 0}, {0, 30 + next_random(&state) % 400}};
    CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
}

static void on_tick(int signal)
{
    int kept = errno, status = -1;
    (void)signal;
    pid_t child = fork();
    if (child == 0)
        live_as_child();
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        worst_status = status;
    if (++forks < wanted)
        tick_later();
    errno = kept;
}

static void churn(uint32_t *state, char **slots, size_t *lengths)
{
    unsigned slot = next_random(state) % SLOTS;
    CHECK(slots[slot] == NULL || is_stamped(slots[slot], lengths[slot], slot));
    free(slots[slot]);
    lengths[slot] = next_random(state) % ((size_t)32 << next_random(state) % 11);
    slots[slot] = hide(malloc(lengths[slot]));
    CHECK(slots[slot] != NULL);
    stamp(slots[slot], lengths[slot], slot);
}

static void *works(void *unused)
{
    static char *slots[SLOTS];
    static size_t lengths[SLOTS];
    uint32_t state = 77;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    CHECK(pthread_sigmask(SIG_BLOCK, &alarms, NULL) == 0);
    while (!over)
        churn(&state, slots, lengths);
    return unused;
}

int main(int argc, char **argv)
{
    static char *slots[SLOTS];
    static size_t lengths[SLOTS];
    pthread_t worker;
    uint32_t state = 5;
    CHECK_THAT(argc, ==, 2);
    wanted = atoi(argv[1]);
    CHECK(pthread_create(&worker, NULL, works, NULL) == 0);
    CHECK(signal(SIGALRM, on_tick) != SIG_ERR);
    tick_later();
    while (forks < wanted)
        churn(&state, slots, lengths);
    CHECK_THAT(worst_status, ==, 0);
    over = 1;
    CHECK(pthread_join(worker, NULL) == 0);
    return 0;
}
