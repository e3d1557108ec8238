/* A thread that is to be cancelled at its next cancellation point frees a block twice: the message is none. */
#include "misuse.h"
#include <pthread.h>

static size_t size;

static void *frees_twice(void *none)
{
    int before;
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
    CHECK(pthread_cancel(pthread_self()) == 0);
    char *block = block_of(size);
    fault_is(block);
    free(block);
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before) == 0);

    free(block);

    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
    return none;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *result = argv;
    size = number(argc, argv);
    CHECK(pthread_create(&thread, NULL, frees_twice, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == NULL);
    return survived();
}
