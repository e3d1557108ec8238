/* Pools: constructed once, partial before empty before new, given back, used by many. */
#include "named.h"

struct item {
    uint64_t mark, owner;
    char rest[48];
};

static int made, unmade;
static heapmm_pool_t *the_pool;

static void make(void *object, size_t size)
{
    CHECK_THAT(size, ==, sizeof(struct item));
    memset(object, 0, size);
    ((struct item *)object)->mark = 0x5eed;
    __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
}

static void unmake(void *object, size_t size)
{
    CHECK_THAT(size, ==, sizeof(struct item));
    CHECK_THAT(((struct item *)object)->mark, ==, 0x5eed);
    __atomic_add_fetch(&unmade, 1, __ATOMIC_RELAXED);
}

static heapmm_pool_stats_t figures(heapmm_pool_t *pool)
{
    heapmm_pool_stats_t now = {.size = sizeof now};
    CHECK_THAT(heapmm_pool_stats(pool, &now), ==, 0);
    return now;
}

CASE(constructors_run_for_created_objects_and_not_for_allocations)
{
    heapmm_pool_t *pool = heapmm_pool_create("item", sizeof(struct item), 0, make, unmake);
    struct item *items[32];
    for (int turn = 0; turn < 100; turn++) {
        for (int i = 0; i < 32; i++) {
            items[i] = heapmm_pool_alloc(pool);
            CHECK(items[i] != NULL && items[i]->mark == 0x5eed && (uintptr_t)items[i] % 16 == 0);
        }
        for (int i = 0; i < 32; i++)
            heapmm_pool_free(pool, items[i]);
    }

    heapmm_pool_stats_t now = figures(pool);

    CHECK_THAT(made, ==, 32);
    CHECK_THAT(now.constructed, ==, 32);
    CHECK_THAT(now.allocs, ==, 3200);
    CHECK_THAT(now.used, ==, 0);
    CHECK_THAT(heapmm_pool_destroy(pool), ==, 0);
    CHECK_THAT(unmade, ==, 32);
}

CASE(an_object_comes_back_as_it_was_left)
{
    heapmm_pool_t *pool = heapmm_pool_create("item", sizeof(struct item), 0, make, unmake);
    struct item *item = heapmm_pool_alloc(pool);
    item->owner = 77;
    strcpy(item->rest, "left here");
    heapmm_pool_free(pool, item);

    struct item *again = heapmm_pool_alloc(pool);

    CHECK(again == item && again->owner == 77 && strcmp(again->rest, "left here") == 0);
    heapmm_pool_free(pool, again);
    CHECK_THAT(heapmm_pool_destroy(pool), ==, 0);
}

CASE(six_objects_of_2_kib_fill_a_slab_of_12_kib)
{
    heapmm_pool_t *pool = heapmm_pool_create("buffer", 2048, 0, NULL, NULL);
    char *first = heapmm_pool_alloc(pool), *last = NULL;
    for (int i = 1; i < 6; i++)
        last = heapmm_pool_alloc(pool);

    heapmm_pool_stats_t full = figures(pool);
    heapmm_pool_alloc(pool);

    CHECK_THAT(full.slabs, ==, 1);
    CHECK_THAT(full.slab_bytes, ==, 12288);
    CHECK_THAT(full.slab_objects, ==, 6);
    CHECK_THAT(full.objects, ==, 6);
    CHECK_THAT(last - first, ==, 5 * 2048);
    CHECK_THAT(figures(pool).slabs, ==, 2);
}

CASE(a_partial_slab_is_used_before_an_empty_one_and_that_before_a_new_one)
{
    heapmm_pool_t *pool = heapmm_pool_create("buffer", 2048, 0, NULL, NULL);
    char *objects[18];
    for (int i = 0; i < 18; i++)
        objects[i] = heapmm_pool_alloc(pool);
    /* The first slab is empty then, and two of the second are free. */
    for (int i = 0; i < 8; i++)
        heapmm_pool_free(pool, objects[i]);

    for (int i = 0; i < 8; i++) {
        char *object = heapmm_pool_alloc(pool);
        int slab = object >= objects[0] && object < objects[0] + 12288 ? 0 : 1;
        CHECK_THAT(slab, ==, i < 2 ? 1 : 0);
    }
    CHECK_THAT(figures(pool).slabs, ==, 3);
    heapmm_pool_alloc(pool);
    CHECK_THAT(figures(pool).slabs, ==, 4);
}

static void make_by_others(void *object, size_t size)
{
    static __thread int depth;
    make(object, size);
    free(hide(malloc(100)));
    if (depth++ == 0) {
        void *another = heapmm_pool_alloc(the_pool);
        CHECK(another != NULL && another != object);
        heapmm_pool_free(the_pool, another);
    }
    depth--;
}

static void unmake_by_others(void *object, size_t size)
{
    unmake(object, size);
    free(hide(malloc(100)));
    CHECK_THAT(figures(the_pool).used, <=, 1);
}

CASE(constructor_and_destructor_may_call_malloc_and_the_pool)
{
    the_pool = heapmm_pool_create("nested", sizeof(struct item), 0, make_by_others, unmake_by_others);
    void *objects[200];
    for (int i = 0; i < 200; i++)
        objects[i] = heapmm_pool_alloc(the_pool);
    CHECK_THAT(figures(the_pool).used, ==, 200);
    CHECK_THAT(made, ==, figures(the_pool).constructed);
    for (int i = 0; i < 200; i++)
        heapmm_pool_free(the_pool, objects[i]);

    CHECK_THAT(heapmm_pool_destroy(the_pool), ==, 0);

    CHECK_THAT(unmade, ==, made);
}

CASE(shrinking_destroys_what_is_empty_and_gives_it_back)
{
    heapmm_pool_t *pool = heapmm_pool_create("item", sizeof(struct item), 0, make, unmake);
    void *objects[20000];
    for (int i = 0; i < 20000; i++)
        objects[i] = heapmm_pool_alloc(pool);
    size_t high = figures(pool).footprint;
    for (int i = 1; i < 20000; i++)
        heapmm_pool_free(pool, objects[i]);
    CHECK_THAT(figures(pool).footprint, ==, high);

    size_t gone = heapmm_pool_shrink(pool);

    heapmm_pool_stats_t now = figures(pool);
    CHECK_THAT(gone, ==, high - now.footprint);
    CHECK_THAT(gone, >, high / 2);
    CHECK_THAT(now.slabs, ==, 1);
    CHECK_THAT(now.used, ==, 1);
    CHECK_THAT(unmade, ==, 20000 - (int)now.slab_objects);
    CHECK_THAT(((struct item *)objects[0])->mark, ==, 0x5eed);
    heapmm_pool_free(pool, objects[0]);
    heapmm_pool_shrink(pool);
    CHECK_THAT(figures(pool).footprint, ==, 0);
    CHECK_THAT(unmade, ==, 20000);
    CHECK(heapmm_pool_alloc(pool) != NULL);
}

CASE(a_pool_with_an_object_in_use_is_not_destroyed)
{
    heapmm_pool_t *pool = heapmm_pool_create("item", sizeof(struct item), 0, make, unmake);
    void *object = heapmm_pool_alloc(pool);
    errno = 0;

    CHECK_THAT(heapmm_pool_destroy(pool), ==, -1);

    CHECK_THAT(errno, ==, EBUSY);
    CHECK_THAT(unmade, ==, 0);
    heapmm_pool_free(pool, object);
    CHECK_THAT(heapmm_pool_destroy(pool), ==, 0);
    CHECK_THAT(unmade, ==, 1);
    CHECK_THAT(heapmm_pool_destroy(NULL), ==, 0);
}

CASE(impossible_pools_are_einval)
{
    static const size_t wrong[][2] = {{0, 16}, {8, 24}, {8, 8192}, {SIZE_MAX, 16}, {SIZE_MAX / 2, 16}};
    for (int i = 0; i < 5; i++) {
        errno = 0;
        CHECK(heapmm_pool_create("x", wrong[i][0], wrong[i][1], NULL, NULL) == NULL);
        CHECK_THAT(errno, ==, EINVAL);
    }
    heapmm_pool_t *pool = heapmm_pool_create(NULL, 1, 4096, NULL, NULL);
    CHECK((uintptr_t)heapmm_pool_alloc(pool) % 4096 == 0);
    CHECK((uintptr_t)heapmm_pool_alloc(pool) % 4096 == 0);
}

CASE(there_are_as_many_pools_as_are_wanted_and_destroying_gives_all_back)
{
    enum { POOLS = 2000 };
    static heapmm_pool_t *pools[POOLS];
    static void *objects[POOLS];
    CHECK_THAT(heapmm_pool_destroy(heapmm_pool_create("first", 8, 0, NULL, NULL)), ==, 0);
    size_t before = mapped_bytes();
    for (int i = 0; i < POOLS; i++) {
        pools[i] = heapmm_pool_create("one of many", (size_t)i % 500 + 1, 0, NULL, NULL);
        CHECK(pools[i] != NULL);
        objects[i] = heapmm_pool_alloc(pools[i]);
        CHECK(objects[i] != NULL);
        stamp(objects[i], (size_t)i % 500 + 1, (unsigned)i);
    }
    CHECK_THAT(mapped_bytes(), >=, before + POOLS * (size_t)4096);

    for (int i = 0; i < POOLS; i++) {
        CHECK(is_stamped(objects[i], (size_t)i % 500 + 1, (unsigned)i));
        heapmm_pool_free(pools[i], objects[i]);
        CHECK_THAT(heapmm_pool_destroy(pools[i]), ==, 0);
    }

    /* The pages of handles stay: 63 to a page. */
    CHECK_THAT(mapped_bytes(), <=, before + (POOLS / 63 + 1) * (size_t)4096);
}

static void *churn(void *argument)
{
    heapmm_pool_t *pool = argument;
    uint32_t seed = (uint32_t)(uintptr_t)&seed | 1;
    struct item *held[100] = {NULL};
    for (int i = 0; i < 60000; i++) {
        struct item **slot = &held[next_random(&seed) % 100];
        if (*slot != NULL) {
            CHECK_THAT((*slot)->owner, ==, (uintptr_t)slot);
            heapmm_pool_free(pool, *slot);
            *slot = NULL;
        } else {
            *slot = heapmm_pool_alloc(pool);
            CHECK(*slot != NULL && (*slot)->mark == 0x5eed);
            (*slot)->owner = (uintptr_t)slot;
        }
        if (i % 5000 == 0)
            heapmm_pool_shrink(pool);
    }
    for (int i = 0; i < 100; i++)
        if (held[i] != NULL)
            heapmm_pool_free(pool, held[i]);
    return NULL;
}

static void in_the_child(void *argument)
{
    struct item *items[500];
    for (int i = 0; i < 500; i++) {
        items[i] = heapmm_pool_alloc(argument);
        CHECK(items[i] != NULL && items[i]->mark == 0x5eed);
    }
    for (int i = 0; i < 500; i++)
        heapmm_pool_free(argument, items[i]);
    heapmm_pool_t *own = heapmm_pool_create("child", 100, 0, NULL, NULL);
    CHECK(heapmm_pool_alloc(own) != NULL);
    CHECK_THAT(text_of(heapmm_slabinfo)[0], ==, 's');
}

CASE(threads_share_a_pool_and_children_of_forks_go_on_with_it)
{
    heapmm_pool_t *pool = heapmm_pool_create("shared", sizeof(struct item), 64, make, unmake);

    beside_threads(churn, pool, in_the_child);

    heapmm_pool_stats_t now = figures(pool);
    CHECK_THAT(now.used, ==, 0);
    CHECK_THAT(made, ==, now.constructed);
    CHECK_THAT(unmade, ==, now.destroyed);
    CHECK_THAT(heapmm_pool_destroy(pool), ==, 0);
    CHECK_THAT(unmade, ==, made);
}

CASE(slabinfo_has_the_columns_of_the_kernel)
{
    heapmm_pool_t *pool = heapmm_pool_create("a pool", 2048, 0, NULL, NULL);
    for (int i = 0; i < 7; i++)
        heapmm_pool_alloc(pool);
    heapmm_heap_t *heap = heapmm_heap_create("small", "slab");
    heapmm_heap_alloc(heap, 100);
    void *objects[3000];
    for (int i = 0; i < 3000; i++)
        objects[i] = hide(malloc(48));

    char *text = text_of(heapmm_slabinfo);

    CHECK(strncmp(text, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
                        " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n", 160) == 0);
    int lines = 0;
    for (char *line = strchr(strchr(text, '\n') + 1, '\n') + 1; *line != 0; line = strchr(line, '\n') + 1) {
        char name[64];
        unsigned long active, all, size, per, pages, limit, batch, factor, active_slabs, slabs, shared;
        CHECK_THAT(sscanf(line, "%63s %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu %lu", name, &active, &all, &size,
                          &per, &pages, &limit, &batch, &factor, &active_slabs, &slabs, &shared),
                   ==, 12);
        CHECK_THAT(all, ==, slabs * per);
        CHECK_THAT(active + shared, <=, all);
        CHECK_THAT(active_slabs, <=, slabs);
        CHECK_THAT(size * per, <=, pages * 4096);
        if (strcmp(name, "a_pool") == 0)
            CHECK(active == 7 && all == 12 && size == 2048 && per == 6 && pages == 3 && active_slabs == 2 && slabs == 2);
        if (strcmp(name, "small-112") == 0)
            CHECK(active == 1 && slabs == 1);
        if (strcmp(name, "malloc-48") == 0)
            CHECK(slabs >= 2 && active >= 2000);
        lines++;
    }
    CHECK_THAT(lines, ==, 2 + 48);
    CHECK(line_of(text, "a_pool") != NULL && line_of(text, "small-112") != NULL && line_of(text, "malloc-1024") != NULL);
    for (int i = 0; i < 3000; i++)
        free(objects[i]);
    errno = 0;
    CHECK_THAT(heapmm_slabinfo(-1), ==, -1);
    CHECK_THAT(errno, ==, EBADF);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
