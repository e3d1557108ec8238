/* Heaps: a policy for each part of a program, its figures, and an end for all blocks at once.
 *
 *     cc example_heaps.c -lheapmm
 */
#include <heapmm.h>
#include <stdio.h>
#include <string.h>

static int print(void *payload, size_t len, heapmm_kind_t kind, void *arg)
{
    static const char *const kinds[] = {"used", "free", "own", "mapped"};
    (void)payload;
    (void)arg;
    printf("    %6zu bytes %s\n", len, kinds[kind]);
    return 0;
}

int main(void)
{
    /* The heap of the textbook: 4096 bytes are one free node of 4088, and eight for the node itself. */
    heapmm_heap_t *list = heapmm_heap_create("textbook", "freelist");
    if (list == NULL || heapmm_heap_reserve(list, 4096) != 0)
        return 1;
    puts("textbook:");
    heapmm_heap_walk(list, print, NULL);
    char *text = (char *)heapmm_heap_alloc(list, 100);
    if (text == NULL)
        return 1;
    strcpy(text, "a block in the first node that was large enough");
    puts("textbook, one block later:");
    heapmm_heap_walk(list, print, NULL);

    /* A request in a buddy heap: whatever it holds ends with it. */
    heapmm_heap_t *request = heapmm_heap_create("request", "buddy-binary");
    if (request == NULL)
        return 1;
    for (size_t part = 1; part <= 100; part++)
        if (heapmm_heap_alloc(request, part * 10) == NULL)
            return 1;

    heapmm_heap_stats_t stats;
    stats.size = sizeof stats;
    if (heapmm_heap_stats(request, &stats) != 0)
        return 1;
    printf("request: %zu blocks of %zu bytes in %zu\n", stats.used_blocks, stats.live, stats.footprint);
    fflush(stdout);
    heapmm_heapinfo(1);
    heapmm_buddyinfo(1);

    heapmm_heap_destroy(request);
    heapmm_heap_destroy(list);
    return 0;
}
