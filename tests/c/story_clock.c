/* Story 14: a program that forbids itself the call by which the system tells the time, on pain of death. The C library's
 * malloc never makes it; and what a burst leaves goes back in time nevertheless.
 */
#include "fault.h"
#include "proc.h"
#include <sys/auxv.h>

enum { BLOCKS = 200000, SIZE = 300, MOST = 24 << 20 };

static char *blocks[BLOCKS];

int main(void)
{
    /* Where the system lends no code for it there is no other way to know the time. */
    if (getauxval(AT_SYSINFO_EHDR) == 0)
        return 0;
    fault_forbid(CALL_CLOCK);

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = hide(malloc(SIZE));
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
    }
    CHECK_THAT(resident(), >, MOST);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (double end = seconds_now() + 1.5; seconds_now() < end;)
        free(hide(malloc(100)));

    CHECK_THAT(resident(), <=, MOST);
    return 0;
}
