/* A page that the program mapped by itself is freed. */
#include "misuse.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED && number(argc, argv) != 0);
    memset(page, 0x21, 65536);

    fault_is(page + 4096 + 16);
    free(page + 4096 + 16);

    CHECK(munmap(page, 65536) == 0);
    return survived();
}
