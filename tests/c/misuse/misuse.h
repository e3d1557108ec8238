/* What the misuse programs share: the size from the command line, what may be named, and the life after.
 *
 *   fault_is_within(from, to)   prints addresses, of all of which the message must name one
 *   ... the misuse ...
 *   return survived();          only where the library was told to go on
 */
#ifndef HEAPMM_TESTS_MISUSE_H
#define HEAPMM_TESTS_MISUSE_H

#include "../check.h"
#include <malloc.h>
#include <sys/uio.h>

/* The number on the command line: the size of the blocks, or the bad address itself. */
static size_t number(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    return strtoull(argv[1], NULL, 0);
}

static char *block_of(size_t size)
{
    char *block = hide(malloc(size));
    CHECK(block != NULL);
    memset(block, 0x11, size);
    return block;
}

static void fault_is_within(const void *from, const void *to)
{
    say(1, "0x%lx 0x%lx\n", (unsigned long)(uintptr_t)from, (unsigned long)(uintptr_t)to);
}

static void fault_is(const void *pointer) { fault_is_within(pointer, pointer); }

/* The sixteen bytes before a block, where a header may stand. A block may also be the first byte of a mapping:
 * then they are zero. */
static void words_before(char *to, char *block)
{
    struct iovec here = {to, 16}, there = {block - 16, 16};
    memset(to, 0, 16);
    (void)!process_vm_readv(getpid(), &here, 1, &there, 1, 0);
}

/* The heap still serves distinct blocks that keep their bytes. */
static int survived(void)
{
    enum { COUNT = 300 };
    static char *blocks[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        blocks[i] = block_of(i * 7 % 2000);
        stamp(blocks[i], i * 7 % 2000, i);
    }
    for (unsigned i = 0; i < COUNT; i++)
        CHECK(is_stamped(blocks[i], i * 7 % 2000, i));
    for (unsigned i = 0; i < COUNT; i++)
        free(blocks[i]);
    say(1, "survived\n");
    return 0;
}

#endif
