/* Story 2: forks while other threads allocate. `story_forks COUNT`.
 *
 * Each child uses the heap that it found, frees a block of its parent, and some of them start threads.
 * A child that hangs is ended by its alarm, and so are its parent and the test.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { WORKERS = 2, SLOTS = 40 };

static atomic_int over;
static char *inherited;

static void churn(uint32_t *state, char **slots, int steps)
{
    for (int step = 0; step < steps; step++) {
        int slot = (int)(next_random(state) % SLOTS);
        size_t n = next_random(state) % ((size_t)32 << next_random(state) % 11);
        free(slots[slot]);
        slots[slot] = hide(malloc(n));
        CHECK(slots[slot] != NULL);
    }
}

/* At idle priority, so that it is at work, and interrupted, whenever there is a processor, but delays nobody. */
static void *works(void *seed)
{
    char *slots[SLOTS] = {0};
    struct sched_param none = {0};
    CHECK(sched_setscheduler(0, SCHED_IDLE, &none) == 0);
    uint32_t state = (uint32_t)(uintptr_t)seed;
    while (!over)
        churn(&state, slots, 50);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    return NULL;
}

static void *works_a_little(void *seed)
{
    char *slots[SLOTS] = {0};
    uint32_t state = (uint32_t)(uintptr_t)seed;
    churn(&state, slots, 200);
    return NULL;
}

static void live_as_child(int number)
{
    char *slots[SLOTS] = {0};
    uint32_t state = (uint32_t)number + 1;
    alarm(30);
    churn(&state, slots, 40);
    CHECK(is_stamped(inherited, 500, 3));
    free(inherited);
    if (number % 100 == 0) {
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, works_a_little, (void *)(uintptr_t)(i + 7)) == 0);
        for (int i = 0; i < 2; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    pthread_t workers[WORKERS];
    CHECK_THAT(argc, ==, 2);
    int forks = atoi(argv[1]);
    inherited = hide(malloc(500));
    stamp(inherited, 500, 3);
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_create(&workers[i], NULL, works, (void *)(uintptr_t)(i + 1)) == 0);
    for (int number = 0; number < forks; number++) {
        int status;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            live_as_child(number);
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_THAT(status, ==, 0);
    }
    over = 1;
    for (int i = 0; i < WORKERS; i++)
        CHECK(pthread_join(workers[i], NULL) == 0);
    CHECK(is_stamped(inherited, 500, 3));
    free(inherited);
    return 0;
}
