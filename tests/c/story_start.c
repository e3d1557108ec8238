/* Stories 11 and 12: what a program that has hardly begun holds: "committed resident mappings threads", in bytes. */
#include "proc.h"

int main(void)
{
    char *block = hide(malloc(100));
    CHECK(block != NULL);
    struct commitment now = committed_outside(NULL, NULL);
    say(1, "%ld %ld %d %ld\n", now.bytes, resident(), mappings(), status_of("Threads"));
    free(block);
    return 0;
}
