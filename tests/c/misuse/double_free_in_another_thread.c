/* One thread frees a block, another one frees it again. */
#include "misuse.h"
#include <pthread.h>

static pthread_barrier_t freed;

/* It waits, so that starting it does not take the freed memory. */
static void *frees(void *block)
{
    pthread_barrier_wait(&freed);
    free(block);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char *block = block_of(number(argc, argv));
    CHECK(pthread_barrier_init(&freed, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, frees, block) == 0);
    free(block);

    fault_is(block);
    pthread_barrier_wait(&freed);
    CHECK(pthread_join(thread, NULL) == 0);

    return survived();
}
