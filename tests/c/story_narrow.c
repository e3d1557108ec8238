/* A narrow limit to the data of a process: what the heap leaves out in front to begin aligned must not use it up.
 * The kernel puts the break elsewhere each time.
 */
#include "check.h"

int main(void)
{
    size_t held = 0;
    for (char *block; (block = hide(malloc(1000))) != NULL; held += 1000)
        memset(block, 1, 1000);
    CHECK_THAT(held, >, 2500000);
    return 0;
}
