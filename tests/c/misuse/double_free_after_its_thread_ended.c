/* The thread that freed the block has ended when it is freed again. */
#include "misuse.h"
#include <pthread.h>

static void *frees(void *block)
{
    free(block);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    char *block = block_of(number(argc, argv));
    CHECK(pthread_create(&thread, NULL, frees, block) == 0);
    CHECK(pthread_join(thread, NULL) == 0);

    fault_is(block);
    free(block);

    return survived();
}
