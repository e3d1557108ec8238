/* Threads that wait for one another do not give their processor away: sched_yield costs a thread that shares it with
 * busy ones a whole turn of each, milliseconds for a wait of microseconds. The kernel ends a process that calls it.
 */
#include "fault.h"
#include <pthread.h>
#include <stddef.h>

enum { THREADS = 6, ROUNDS = 20000, SLOTS = 40 };

static void refuse_to_yield(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

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
    refuse_to_yield();
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, contend, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
