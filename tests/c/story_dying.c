/* Story 8: threads die and leave live blocks; the next ones free them and leave their own. What is held stays within
 * 1.3 times what is live. */
#include "proc.h"
#include <malloc.h>
#include <pthread.h>

enum { WINDOW = 24, THREADS = 400, BLOCKS = 900 };

static char *left[WINDOW][BLOCKS];
static size_t lengths[WINDOW][BLOCKS];

static void free_all_of(int place)
{
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(left[place][i] == NULL || is_stamped(left[place][i], lengths[place][i], (unsigned)i));
        free(left[place][i]);
        left[place][i] = NULL;
    }
}

static void *leaves_blocks(void *number)
{
    int place = (int)((uintptr_t)number % WINDOW);
    uint32_t state = (uint32_t)(uintptr_t)number + 1;
    free_all_of(place);
    for (int i = 0; i < BLOCKS; i++) {
        size_t n = 50 + next_random(&state) % ((size_t)400 << next_random(&state) % 5);
        left[place][i] = hide(malloc(n));
        CHECK(left[place][i] != NULL);
        lengths[place][i] = n;
        stamp(left[place][i], n, (unsigned)i);
    }
    return NULL;
}

static size_t live_bytes(void)
{
    size_t sum = 0;
    for (int place = 0; place < WINDOW; place++)
        for (int i = 0; i < BLOCKS; i++)
            sum += left[place][i] == NULL ? 0 : lengths[place][i];
    return sum;
}

int main(void)
{
    long start = resident();
    for (int number = 0; number < THREADS; number++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, leaves_blocks, (void *)(uintptr_t)number) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    struct mallinfo2 now = mallinfo2();
    size_t live = live_bytes(), held = now.arena + now.hblkhd;
    long grown = resident() - start - (long)(sizeof left + sizeof lengths);
    say(1, "%zu live, %zu held, %ld more resident\n", live, held, grown);
    CHECK_THAT(live, >, 10 << 20);
    CHECK_THAT(held * 10, <=, live * 13);
    CHECK_THAT(grown * 10, <=, (long)live * 13);
    for (int place = 0; place < WINDOW; place++)
        free_all_of(place);
    return 0;
}
