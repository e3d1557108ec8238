/* A block that rests is freed again while the program frees only, and free looks at many blocks together. Before it
 * looks a second thread starts and takes all that rests. The number is that of the frees behind it. A block of another
 * size has the allocator find out how large the heap is by now. */
#include "misuse.h"
#include <pthread.h>

enum { SIZE = 64, COUNT = 6000, LEFT = 200 };

static char *blocks[COUNT], *theirs[COUNT];

static void *takes(void *none)
{
    for (int i = 0; i < COUNT; i++)
        theirs[i] = block_of(SIZE);
    return none;
}

int main(int argc, char **argv)
{
    int behind = (int)number(argc, argv);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = block_of(SIZE);
    for (int i = 0; i < COUNT - LEFT; i++)
        free(blocks[i]);

    char *block = blocks[COUNT - LEFT - 500];
    fault_is(block);
    free(block);
    for (int i = 0; i < behind; i++)
        free(blocks[COUNT - 1 - i]);
    (void)block_of(1000);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, takes, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);

    /* Told to go on, nobody else gets what the thread has. */
    for (int i = 0; i < COUNT; i++) {
        char *mine = block_of(SIZE);
        for (int j = 0; j < COUNT && theirs[j] == block; j++)
            CHECK(mine != block);
    }
    return survived();
}
