/* Memory is out. A block becomes shorter; one becomes longer where the next one is free; and one gets the free block that is as
 * long as it is to be, and no longer. errno is as it was. */
#include "check.h"
#include <errno.h>
#include <malloc.h>
#include <sys/resource.h>

enum { MOST = 100000, FEW = 50 };

static char *blocks[MOST];

/* Takes blocks of `size` until there are none; how many. */
static int fill(size_t size)
{
    static char *last;
    int count = 0;
    while (count < MOST && (last = hide(malloc(size))) != NULL)
        blocks[count++] = last;
    CHECK_THAT(count, <, MOST);
    return count;
}

static void shorter(void)
{
    int count = fill(3000);
    while (malloc(700) != NULL)
        ;
    CHECK_THAT(count, >, FEW);
    errno = 77;
    for (int i = 0; i < FEW; i++)
        CHECK((blocks[i] = realloc(blocks[i], 700)) != NULL);
    CHECK_THAT(errno, ==, 77);
    for (int i = 0; i < count; i++)
        free(blocks[i]);
}

static void longer_where_it_is(void)
{
    int count = fill(9000), pairs = 0;
    while (malloc(10125) != NULL)
        ;
    for (int i = 1; i < count; i += 2)
        free(blocks[i]);
    malloc_trim(0);
    errno = 77;
    for (int i = 0; i < count - 1; i += 2) {
        /* The heap may consist of several pieces. */
        ptrdiff_t apart = blocks[i + 1] - blocks[i];
        if (apart < 9000 || apart > 9000 + 500)
            continue;
        CHECK((blocks[i] = realloc(blocks[i], 10125)) != NULL);
        pairs++;
    }
    CHECK_THAT(errno, ==, 77);
    CHECK_THAT(pairs, >, count / 3);
    for (int i = 0; i < count; i += 2)
        free(blocks[i]);
}

static void as_long_as_asked(void)
{
    char *block = hide(malloc(9000)), *behind = hide(malloc(9000));
    int count = fill(11000);
    for (size_t size = 5000; size >= 16; size /= 2)
        while (malloc(size) != NULL)
            ;
    free(blocks[count / 2]);

    errno = 77;
    CHECK((block = realloc(block, 10000)) != NULL);
    CHECK_THAT(errno, ==, 77);
    CHECK(realloc(block, 10000000) == NULL);
    CHECK_THAT(errno, ==, ENOMEM);

    free(block);
    free(behind);
}

int main(void)
{
    struct rlimit little = {24 << 20, 24 << 20};
    CHECK_THAT(setrlimit(RLIMIT_AS, &little), ==, 0);
    shorter();
    longer_where_it_is();
    as_long_as_asked();
    return 0;
}
