/* Says whether the process runs with more rights than its user, after a few calls of the library. */
#include "check.h"
#include <sys/auxv.h>

int main(void)
{
    for (int i = 0; i < 100; i++)
        free(hide(malloc(100)));
    say(1, "%lu\n", getauxval(AT_SECURE));
    return 0;
}
