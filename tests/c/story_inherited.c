/* Story 2: a thread frees a block, and the child of a fork, which has not got that thread, frees it again. The block rests
 * among what the thread kept, and is found there: the child is told so, and aborts.
 */
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static pthread_barrier_t met;
static void *block;

static void *frees(void *unused)
{
    block = hide(malloc(40));
    free(block);
    pthread_barrier_wait(&met);
    pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    free(hide(malloc(40)));
    CHECK(pthread_barrier_init(&met, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, frees, NULL) == 0);
    pthread_barrier_wait(&met);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        free(block);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK_THAT(WTERMSIG(status), ==, SIGABRT);
    _exit(0);
}
