/* Story 12 and exhaustion: the address space is bounded; memory runs out with NULL and ENOMEM, everything that is live
 * stays as it was, and what is freed is served again. `story_exhaustion SIZE`, for blocks of that size. */
#include "check.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

enum { MOST = 4000000 };

static char *blocks[MOST];

static int fill(size_t size)
{
    int count = 0;
    while (count < MOST) {
        errno = 0;
        char *block = hide(malloc(size));
        if (block == NULL)
            break;
        memset(block, count & 0xff, size < 64 ? size : 64);
        block[size - 1] = (char)count;
        blocks[count++] = block;
    }
    CHECK_THAT(errno, ==, ENOMEM);
    return count;
}

static void check_intact(int count, size_t size)
{
    for (int i = 0; i < count; i++)
        CHECK(blocks[i][0] == (char)i && blocks[i][size - 1] == (char)i);
}

static void refuses_while_full(int count, size_t size)
{
    for (int i = 0; i < 20; i++) {
        errno = 0;
        CHECK(calloc(size, 64) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(realloc(blocks[i % count], size * 64) == NULL && errno == ENOMEM);
        void *untouched = &untouched;
        CHECK(posix_memalign(&untouched, 4096, size * 64) == ENOMEM && untouched == &untouched);
    }
}

static void *allocates(void *size)
{
    void *block = hide(malloc((size_t)(uintptr_t)size));
    CHECK(block != NULL);
    return block;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    size_t size = strtoull(argv[1], NULL, 0);
    struct rlimit bound = {128 << 20, 400 << 20};
    CHECK(setrlimit(RLIMIT_AS, &bound) == 0);
    int first = fill(size);
    CHECK_THAT(first * size, >, 40 << 20);
    check_intact(first, size);
    refuses_while_full(first, size + 4096);
    check_intact(first, size);

    for (int i = 0; i < first; i++) {
        errno = 4711;
        free(blocks[i]);
        CHECK_THAT(errno, ==, 4711);
        blocks[i] = hide(malloc(size));
        CHECK(blocks[i] != NULL);
        memset(blocks[i], i & 0xff, size < 64 ? size : 64);
        blocks[i][size - 1] = (char)i;
    }
    check_intact(first, size);
    for (int i = 0; i < first; i++)
        free(blocks[i]);

    int second = fill(size);
    CHECK_THAT(second * 10LL, >=, first * 9LL);
    bound.rlim_cur = 400 << 20;
    CHECK(setrlimit(RLIMIT_AS, &bound) == 0);
    CHECK(malloc(size) != NULL);
    for (int i = 0; i < second; i++)
        free(blocks[i]);
    pthread_t thread;
    void *block;
    CHECK(pthread_create(&thread, NULL, allocates, (void *)(uintptr_t)(100 << 20)) == 0);
    CHECK(pthread_join(thread, &block) == 0);
    free(block);
    say(1, "%d blocks, then %d\n", first, second);
    return 0;
}
