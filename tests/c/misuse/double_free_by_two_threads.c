/* A thread frees a block of another thread, which has freed it and lives on. */
#include "misuse.h"
#include <pthread.h>

static pthread_barrier_t freed, over;

static void *frees(void *block)
{
    free(block);
    pthread_barrier_wait(&freed);
    pthread_barrier_wait(&over);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char *block = block_of(number(argc, argv));
    CHECK(pthread_barrier_init(&freed, NULL, 2) == 0 && pthread_barrier_init(&over, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, frees, block) == 0);
    pthread_barrier_wait(&freed);

    fault_is(block);
    free(block);

    pthread_barrier_wait(&over);
    CHECK(pthread_join(thread, NULL) == 0);
    return survived();
}
