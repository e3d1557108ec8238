/* A signal handler leaves the call that it interrupted by siglongjmp, wherever that was: `record_jump`.
 *
 *   many children, each: calls ── a signal ── jump ── calls ── another thread's calls ── end
 *
 * Some of the signals come while the call is being recorded. Nobody waits for a frame that is gone.
 */
#include "check.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 60, CALLS = 2000 };

static sigjmp_buf back;

static void jump(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

static void *call(void *none)
{
    for (int i = 0; i < CALLS; i++)
        free(hide(malloc(64)));
    return none;
}

static void be_interrupted(int microseconds)
{
    call(NULL);
    signal(SIGALRM, jump);
    if (sigsetjmp(back, 1) == 0) {
        struct itimerval once = {{0, 0}, {0, microseconds}};
        setitimer(ITIMER_REAL, &once, NULL);
        for (;;)
            free(hide(malloc(64)));
    }
    call(NULL);
    pthread_t other;
    CHECK(pthread_create(&other, NULL, call, NULL) == 0);
    CHECK(pthread_join(other, NULL) == 0);
}

int main(void)
{
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0) {
            be_interrupted(1000 + i);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK_THAT(status, ==, 0);
    }
    return 0;
}
