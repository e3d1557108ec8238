/* Story 13: a signal handler allocates and frees, thousands of times a second, wherever it finds its thread.
 * `story_handler TICKS`. A second thread works beside it and is ticked as well. With `large` behind it all blocks are of
 * a length of which a thread keeps the last one that it freed.
 *
 * POSIX leaves this undefined. Here nothing may hang, and no block may lose its bytes or be handed out twice; a
 * request in the handler may be refused, but most are served.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { SLOTS = 80, LARGE = 66000 };

struct table {
    char *blocks[SLOTS];
    size_t lengths[SLOTS];
    uint32_t state;
    unsigned seed;
};

static __thread struct table in_handler;
static atomic_int ticks, served, refused, wanted;
static pthread_t threads[2];
static int all_are_large;

static void replace_one(struct table *table, int may_be_refused)
{
    unsigned slot = next_random(&table->state) % SLOTS;
    CHECK(table->blocks[slot] == NULL || is_stamped(table->blocks[slot], table->lengths[slot], slot + table->seed));
    free(table->blocks[slot]);
    size_t n = next_random(&table->state) % ((size_t)32 << next_random(&table->state) % 13);
    if (all_are_large)
        n = LARGE + n % 4096;
    char *block = hide(next_random(&table->state) % 4 == 0 ? calloc(n, 1) : malloc(n));
    table->blocks[slot] = block;
    table->lengths[slot] = n;
    if (may_be_refused)
        block == NULL ? refused++ : served++;
    else
        CHECK(block != NULL);
    if (block != NULL)
        stamp(block, n, slot + table->seed);
}

static void on_tick(int signal)
{
    int kept = errno;
    (void)signal;
    if (in_handler.state == 0) {
        in_handler.state = (uint32_t)(uintptr_t)&in_handler | 1;
        in_handler.seed = 100;
    }
    for (int i = 0; i < 3; i++)
        replace_one(&in_handler, 1);
    ticks++;
    errno = kept;
}

/* Each thread ticks the other one now and then; the timer ticks the process. */
static void *works(void *number)
{
    int own = (int)(uintptr_t)number;
    struct table table = {.state = (uint32_t)own + 5, .seed = 7 + (unsigned)own};
    while (ticks < wanted) {
        for (int i = 0; i < 40; i++)
            replace_one(&table, 0);
        CHECK(pthread_kill(threads[1 - own], SIGUSR1) == 0);
    }
    for (int i = 0; i < SLOTS; i++)
        free(table.blocks[i]);
    return NULL;
}

static pthread_barrier_t started;

static void *starts(void *number)
{
    pthread_barrier_wait(&started);
    works(number);
    pthread_barrier_wait(&started);
    return NULL;
}

int main(int argc, char **argv)
{
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {0};
    CHECK(argc == 2 || (argc == 3 && strcmp(argv[2], "large") == 0));
    all_are_large = argc == 3;
    wanted = atoi(argv[1]);
    action.sa_handler = on_tick;
    CHECK(sigaddset(&action.sa_mask, SIGALRM) == 0 && sigaddset(&action.sa_mask, SIGUSR1) == 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_barrier_init(&started, NULL, 2) == 0);
    threads[0] = pthread_self();
    CHECK(pthread_create(&threads[1], NULL, starts, (void *)(uintptr_t)1) == 0);
    pthread_barrier_wait(&started);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    works(0);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    pthread_barrier_wait(&started);
    CHECK(pthread_join(threads[1], NULL) == 0);
    say(1, "%d ticks, %d served, %d refused\n", ticks, served, refused);
    CHECK_THAT(served, >, refused);
    return 0;
}
