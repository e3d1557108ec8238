/* A page that the program mapped by itself is resized. */
#include "misuse.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    memset(page, 0x21, 65536);

    fault_is(page + 4096 + 16);
    hide(realloc(page + 4096 + 16, number(argc, argv)));

    CHECK(munmap(page, 65536) == 0);
    return survived();
}
