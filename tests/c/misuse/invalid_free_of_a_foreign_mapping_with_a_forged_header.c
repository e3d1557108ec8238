/* A page of the program, dressed up with the words before a real block, is freed. */
#include "misuse.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));
    char *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    uintptr_t in_page = (uintptr_t)block & 4095;
    if (in_page < 16)
        in_page += 4096;
    words_before(page + in_page - 16, block);

    fault_is(page + in_page);
    free(page + in_page);

    free(block);
    return survived();
}
