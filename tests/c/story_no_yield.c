/* Threads that wait for one another do not give their processor away: sched_yield costs a thread that shares it with
 * busy ones a whole turn of each, milliseconds for a wait of microseconds. The kernel ends a process that calls it.
 */
#include "fault.h"
#include <pthread.h>

enum { THREADS = 6, ROUNDS = 20000, SLOTS = 40 };

static void *contend(void *argument)
{
    unsigned state = (unsigned)(size_t)argument * 2654435761u + 1;
    char *slots[SLOTS] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 1103515245 + 12345;
        unsigned at = state >> 16;
        char **slot = &slots[at % SLOTS];
        free(*slot);
        *slot = hide(malloc(at % 7 == 0 ? 70000 + at : at % 5000 + 1));
        **slot = 1;
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    fault_forbid(CALL_YIELD);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, contend, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
