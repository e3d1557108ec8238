/* Story 9: a hundred idle threads. What they make the allocator map, and not only what they touch, stays small: huge
 * pages, where the machine always uses them, can inflate a thread only within what is mapped.
 *
 * The stacks are the program's own and do not count.
 */
#include "proc.h"
#include <pthread.h>
#include <sys/mman.h>

enum { THREADS = 100, STACK = 128 << 10 };

static pthread_barrier_t ready, over;

static void *idles(void *unused)
{
    void *blocks[30];
    for (int i = 0; i < 30; i++) {
        blocks[i] = hide(malloc((size_t)16 << i % 8));
        memset(blocks[i], 1, (size_t)16 << i % 8);
    }
    for (int i = 0; i < 28; i++)
        free(blocks[i]);
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&over);
    free(blocks[28]);
    free(blocks[29]);
    return unused;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_attr_t attributes;
    char *stacks = mmap(NULL, (size_t)THREADS * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(stacks != MAP_FAILED);
    CHECK(pthread_barrier_init(&ready, NULL, THREADS + 1) == 0 && pthread_barrier_init(&over, NULL, THREADS + 1) == 0);
    CHECK(pthread_attr_init(&attributes) == 0);
    free(hide(malloc(100)));
    struct commitment before = committed_outside(stacks, stacks + (size_t)THREADS * STACK);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_attr_setstack(&attributes, stacks + (size_t)i * STACK, STACK) == 0);
        CHECK(pthread_create(&threads[i], &attributes, idles, NULL) == 0);
    }
    pthread_barrier_wait(&ready);
    struct commitment during = committed_outside(stacks, stacks + (size_t)THREADS * STACK);
    pthread_barrier_wait(&over);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    say(1, "a thread: %ld bytes mapped, %ld resident\n", (during.bytes - before.bytes) / THREADS,
        (during.resident - before.resident) / THREADS);
    CHECK_THAT((during.bytes - before.bytes) / THREADS, <=, 64 << 10);
    CHECK_THAT((during.resident - before.resident) / THREADS, <=, 48 << 10);
    return 0;
}
