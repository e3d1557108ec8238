/* A live block holds a copy of its own header, and the pointer behind the copy is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *block = block_of(number(argc, argv));
    words_before(block + 48, block);

    fault_is(block + 64);
    free(block + 64);

    free(block);
    return survived();
}
