/* Wrong calls about heaps, pools and families: one line each, then an abort; or the program goes on, if it is told to. */
#include "named.h"

static heapmm_pool_t *pool_of(size_t size) { return heapmm_pool_create("sessions", size, 0, NULL, NULL); }

CASE(double_free_of_an_object_of_a_pool)
{
    heapmm_pool_t *pool = pool_of(100);
    void *object = hide(heapmm_pool_alloc(pool));
    heapmm_pool_free(pool, object);
    heapmm_pool_free(pool, object);
}

CASE(free_of_an_object_of_another_pool)
{
    heapmm_pool_t *pool = pool_of(100), *other = heapmm_pool_create("others", 100, 0, NULL, NULL);
    heapmm_pool_alloc(pool);
    heapmm_pool_free(pool, hide(heapmm_pool_alloc(other)));
}

CASE(free_of_a_block_of_malloc_to_a_pool)
{
    heapmm_pool_t *pool = pool_of(100);
    heapmm_pool_alloc(pool);
    heapmm_pool_free(pool, hide(malloc(100)));
}

CASE(free_inside_an_object_of_a_pool)
{
    heapmm_pool_t *pool = pool_of(100);
    heapmm_pool_free(pool, (char *)hide(heapmm_pool_alloc(pool)) + 16);
}

CASE(free_of_an_object_whose_slab_went_back)
{
    heapmm_pool_t *pool = pool_of(100);
    void *object = hide(heapmm_pool_alloc(pool));
    heapmm_pool_free(pool, object);
    heapmm_pool_shrink(pool);
    heapmm_pool_free(pool, object);
}

CASE(use_of_a_destroyed_pool)
{
    heapmm_pool_t *pool = hide(pool_of(100));
    CHECK_THAT(heapmm_pool_destroy(pool), ==, 0);
    CHECK(heapmm_pool_alloc(pool) == NULL);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(use_of_a_heap_as_a_pool)
{
    heapmm_pool_t *pool = hide(heapmm_heap_create("a heap", NULL));
    CHECK(heapmm_pool_alloc(pool) == NULL);
}

CASE(use_of_what_is_no_pool)
{
    char nothing[256];
    CHECK(heapmm_pool_alloc((heapmm_pool_t *)hide(nothing)) == NULL);
}

CASE(double_free_in_a_heap_of_tagged_blocks)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", "address-best");
    void *block = hide(heapmm_heap_alloc(heap, 100));
    heapmm_heap_free(heap, block);
    heapmm_heap_free(heap, block);
}

CASE(double_free_in_a_buddy_heap)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", "buddy-weighted");
    void *block = hide(heapmm_heap_alloc(heap, 100));
    heapmm_heap_free(heap, block);
    heapmm_heap_free(heap, block);
}

CASE(free_of_a_block_of_another_heap)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", "lifo-first"), *other = heapmm_heap_create("others", "lifo-first");
    heapmm_heap_alloc(heap, 100);
    heapmm_heap_free(heap, hide(heapmm_heap_alloc(other, 100)));
}

CASE(realloc_inside_a_block_of_a_heap)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", "freelist");
    CHECK(heapmm_heap_realloc(heap, (char *)hide(heapmm_heap_alloc(heap, 100)) + 32, 200) == NULL);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(realloc_of_a_freed_block_of_a_heap)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", "slab");
    void *block = hide(heapmm_heap_alloc(heap, 100));
    heapmm_heap_free(heap, block);
    CHECK(heapmm_heap_realloc(heap, block, 200) == NULL);
}

CASE(use_of_a_destroyed_heap)
{
    heapmm_heap_t *heap = hide(heapmm_heap_create("scratch", NULL));
    void *block = hide(heapmm_heap_alloc(heap, 10));
    heapmm_heap_destroy(heap);
    heapmm_heap_free(heap, block);
}

CASE(second_destruction_of_a_heap)
{
    heapmm_heap_t *heap = hide(heapmm_heap_create("scratch", NULL));
    heapmm_heap_destroy(heap);
    heapmm_heap_destroy(heap);
}

CASE(double_delete_of_a_structure)
{
    long *number = hide(HEAPMM_NEW(long));
    HEAPMM_NEW(long);
    HEAPMM_DELETE(number);
    HEAPMM_DELETE(number);
}

CASE(delete_of_a_block_of_malloc)
{
    HEAPMM_NEW(long);
    HEAPMM_DELETE(hide(malloc(10)));
}

CASE(overrun_of_a_structure)
{
    char *name = hide(heapmm_family_alloc("name", 32, 1, 1));
    heapmm_family_alloc("name", 32, 1, 1);
    memset(name, 'x', 48);
    HEAPMM_DELETE(name);
}

CASE(free_of_a_block_of_a_heap_to_malloc)
{
    heapmm_heap_t *heap = heapmm_heap_create("scratch", NULL);
    free(hide(heapmm_heap_alloc(heap, 10)));
}

CASE(free_of_a_structure_to_malloc)
{
    free(hide(HEAPMM_NEW(long)));
}

int main(int argc, char **argv)
{
    int status = run_cases(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--list") != 0)
        say(1, "survived\n");
    return status;
}
