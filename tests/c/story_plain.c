/* Stories 12, 17 and 18: an ordinary program. It uses the heap for a while and prints "sum 4950000, threads 1". */
#include "proc.h"
#include <malloc.h>

int main(void)
{
    long sum = 0;
    for (int round = 0; round < 1000; round++) {
        int *numbers = hide(malloc(100 * sizeof *numbers)), *more = hide(calloc(100, sizeof *more));
        CHECK(numbers != NULL && more != NULL);
        for (int i = 0; i < 100; i++)
            numbers[i] = i;
        numbers = hide(realloc(numbers, 50000));
        CHECK(numbers != NULL);
        for (int i = 0; i < 100; i++)
            sum += numbers[i] + more[i];
        free(numbers);
        free(more);
        free(hide(malloc((size_t)round * 1000)));
    }
    malloc_trim(0);
    say(1, "sum %ld, threads %ld\n", sum, status_of("Threads"));
    return 0;
}
