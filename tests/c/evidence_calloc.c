/* What untouched zeros cost: 64 blocks of 1 MiB from calloc, and 64 that are written. Prints the page faults of both;
 * status 0 if the untouched ones cost less than a fiftieth. */
#include "check.h"
#include <sys/resource.h>

enum { BLOCKS = 64, LEN = 1 << 20 };

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

int main(void)
{
    static char *blocks[BLOCKS];
    long before = faults();
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = hide(calloc(1, LEN));
        CHECK(blocks[i] != NULL);
    }
    long untouched = faults() - before;
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i], 1, LEN);
    long written = faults() - before - untouched;
    printf("untouched %ld written %ld\n", untouched, written);
    return untouched * 50 > written;
}
