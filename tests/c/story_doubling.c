/* Who doubles a block by realloc gets what he asks for, as from malloc. */
#include "check.h"
#include <malloc.h>

int main(void)
{
    for (size_t n = 512; n <= 8192; n *= 2) {
        void *doubled = hide(realloc(hide(malloc(n)), 2 * n)), *new = hide(malloc(2 * n));
        CHECK(doubled != NULL && new != NULL);
        CHECK_THAT(malloc_usable_size(doubled), <=, malloc_usable_size(new) + 64);
        free(doubled);
        free(new);
    }
    return 0;
}
