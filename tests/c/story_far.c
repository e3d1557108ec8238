/* Threads whose stacks, and so their thread pointers, lie a regular and large distance apart: `story_far SHIFT`, 1 << SHIFT
 * bytes. None of them may be taken for another that holds a lock and was interrupted: it would be served by the system,
 * a mapping for each block.
 */
#include "proc.h"
#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 6, BLOCKS = 300, STEPS = 40000, STACK = 1 << 20, MOST = 100 << 20 };

static char *volatile shared[512];

static void *churns(void *seed)
{
    char *blocks[BLOCKS] = {0};
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (int step = 0; step < STEPS; step++) {
        int at = (int)(next_random(&state) % BLOCKS);
        free(blocks[at]);
        blocks[at] = hide(malloc(next_random(&state) % (next_random(&state) % 16 ? 3000 : 200000)));
        CHECK(blocks[at] != NULL);
        char *passed = hide(malloc(next_random(&state) % 5000));
        free(__atomic_exchange_n(&shared[next_random(&state) % 512], passed, __ATOMIC_ACQ_REL));
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    uintptr_t apart = (uintptr_t)1 << atoi(argv[1]);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_attr_t attributes;
        void *wish = (void *)(0x100000000000 + i * apart);
        void *stack = mmap(wish, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        CHECK(stack == wish);
        CHECK(pthread_attr_init(&attributes) == 0);
        CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
        CHECK(pthread_create(&threads[i], &attributes, churns, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_THAT(status_of("VmHWM"), <=, MOST);
    return 0;
}
