/* The interface of heapmm.h, from a program that is linked with the library. */
#include "check.h"
#include <heapmm.h>
#include <malloc.h>
#include <pthread.h>

static heapmm_stats_t figures(void)
{
    heapmm_stats_t now = {.size = sizeof now};
    CHECK_THAT(heapmm_stats(&now), ==, 0);
    return now;
}

static size_t sum_of(const heapmm_stats_t *now)
{
    return now->live + now->slack + now->tags + now->slab_tables + now->cached + now->free + now->tail + now->mapped + now->metadata;
}

CASE(the_version_is_a_number)
{
    const char *version = heapmm_version();
    CHECK(version != NULL && version[0] >= '0' && version[0] <= '9' && strchr(version, '.') != NULL);
}

CASE(the_policy_has_a_name)
{
    char name[64] = "", little[4];
    CHECK_THAT(heapmm_policy(name, sizeof name), ==, 0);
    const char *asked = getenv("HEAPMM_POLICY");
    CHECK(name[0] != 0 && (asked == NULL || strcmp(name, asked) == 0));
    errno = 0;
    CHECK_THAT(heapmm_policy(little, sizeof little), ==, -1);
    CHECK(errno != 0);
}

CASE(the_twins_of_malloc_are_the_same_heap)
{
    char *blocks[] = {heapmm_malloc(100), heapmm_calloc(10, 10), heapmm_realloc(NULL, 100), heapmm_aligned_alloc(256, 100), malloc(100)};
    for (int i = 0; i < 5; i++) {
        CHECK(blocks[i] != NULL);
        CHECK(i != 1 || is_zero(blocks[i], 100));
        CHECK(i != 3 || (uintptr_t)blocks[i] % 256 == 0);
        CHECK_THAT(heapmm_usable_size(blocks[i]), >=, 100);
        CHECK_THAT(heapmm_usable_size(blocks[i]), ==, malloc_usable_size(blocks[i]));
        stamp(blocks[i], 100, (unsigned)i);
        blocks[i] = heapmm_realloc(blocks[i], 5000);
        CHECK(blocks[i] != NULL && is_stamped(blocks[i], 100, (unsigned)i));
    }
    free(blocks[0]);
    free(blocks[1]);
    free(blocks[2]);
    free(blocks[3]);
    heapmm_free(blocks[4]);
    errno = 0;
    CHECK(heapmm_malloc(PTRDIFF_MAX) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(heapmm_calloc(SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
}

CASE(the_figures_add_up_and_follow_the_program)
{
    heapmm_stats_t before = figures();
    char *large = malloc(30 << 20), *small[1000];
    for (int i = 0; i < 1000; i++)
        small[i] = hide(malloc(200));

    heapmm_stats_t during = figures();

    CHECK_THAT(sum_of(&before), ==, before.footprint);
    CHECK_THAT(sum_of(&during), ==, during.footprint);
    CHECK_THAT(during.live + during.mapped, >=, before.live + before.mapped + (30 << 20) + 200000);
    CHECK_THAT(during.blocks, ==, before.blocks + 1001);
    CHECK_THAT(during.peak_footprint, >=, before.peak_footprint);
    CHECK_THAT(during.system_calls, >, before.system_calls);
    free(large);
    for (int i = 0; i < 1000; i++)
        free(small[i]);
    heapmm_stats_t after = figures();
    CHECK_THAT(sum_of(&after), ==, after.footprint);
    CHECK_THAT(after.blocks, ==, before.blocks);
    CHECK_THAT(after.live + after.mapped, ==, before.live + before.mapped);
}

/* A program that was built with a shorter structure gets its part and no byte more. */
CASE(an_older_structure_is_filled_as_far_as_it_goes)
{
    union {
        heapmm_stats_t now;
        unsigned char bytes[sizeof(heapmm_stats_t) + 64];
    } room;
    size_t shorter = offsetof(heapmm_stats_t, tags);
    free(hide(malloc(100)));
    memset(&room, 0xa5, sizeof room);
    room.now.size = shorter;

    CHECK_THAT(heapmm_stats(&room.now), ==, 0);

    CHECK_THAT(room.now.footprint, >, 0);
    CHECK(room.now.footprint != (size_t)0xa5a5a5a5a5a5a5a5);
    for (size_t at = shorter; at < sizeof room; at++)
        CHECK_THAT(room.bytes[at], ==, 0xa5);
}

CASE(a_structure_without_a_size_is_einval)
{
    heapmm_stats_t empty = {.size = 0};
    errno = 0;
    CHECK_THAT(heapmm_stats(&empty), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
    errno = 0;
    CHECK_THAT(heapmm_stats(NULL), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
}

struct search {
    void *payload;
    size_t found, used, bytes;
    int answer;
};

static int looks(void *payload, size_t length, heapmm_kind_t kind, void *argument)
{
    struct search *search = argument;
    int used = kind == HEAPMM_USED || kind == HEAPMM_MAPPED;
    search->used += (size_t)used;
    search->bytes += length;
    if (payload == search->payload && used) {
        search->found = length;
        return search->answer;
    }
    return 0;
}

CASE(the_walk_meets_every_block)
{
    static const size_t lengths[] = {24, 500, 5000, 100000, 5 << 20};
    for (int i = 0; i < 5; i++) {
        char *block = hide(malloc(lengths[i]));
        struct search search = {.payload = block};

        CHECK_THAT(heapmm_walk(looks, &search), ==, 0);

        CHECK_THAT(search.found, >=, lengths[i]);
        CHECK_THAT(search.found, ==, malloc_usable_size(block));
        CHECK_THAT(search.used, ==, figures().blocks);
        free(block);
        search.found = 0;
        CHECK_THAT(heapmm_walk(looks, &search), ==, 0);
        CHECK_THAT(search.found, ==, 0);
    }
}

CASE(the_walk_ends_where_the_visitor_says)
{
    char *block = hide(malloc(1000));
    struct search search = {.payload = block, .answer = 77};

    CHECK_THAT(heapmm_walk(looks, &search), ==, 77);

    free(block);
    errno = 0;
    CHECK_THAT(heapmm_walk(NULL, NULL), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(a_healthy_heap_has_no_faults)
{
    char *blocks[200];
    for (int i = 0; i < 200; i++)
        blocks[i] = hide(malloc((size_t)i * i));
    CHECK_THAT(heapmm_check(), ==, 0);
    for (int i = 0; i < 200; i += 2)
        free(blocks[i]);
    CHECK_THAT(heapmm_check(), ==, 0);
    for (int i = 1; i < 200; i += 2)
        free(blocks[i]);
    CHECK_THAT(heapmm_check(), ==, 0);
}

CASE(trim_gives_memory_back_once)
{
    char *blocks[200];
    for (int i = 0; i < 200; i++) {
        blocks[i] = hide(malloc(30000));
        memset(blocks[i], 1, 30000);
    }
    for (int i = 0; i < 200; i++)
        free(blocks[i]);

    CHECK_THAT(heapmm_trim(0), ==, 1);

    CHECK_THAT(heapmm_trim(0), ==, 0);
}

CASE(an_option_is_set_by_its_name)
{
    CHECK_THAT(heapmm_set_option("ERRORS", "ignore"), ==, 0);
    char on_stack[64];
    free(hide(on_stack + 16));
    CHECK_THAT(heapmm_set_option("ERRORS", "abort"), ==, 0);
    static const char *const wrong[][2] = {{"NO_SUCH_OPTION", "1"}, {"ERRORS", "perhaps"}, {"", ""}, {"POLICY", "implicit-first"},
                                             {"stats", "exit"},      {"leaks", "exit"},      {"trace", "/tmp/x"},
                                             {"fill", "junk"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        CHECK_THAT(heapmm_set_option(wrong[i][0], wrong[i][1]), ==, -1);
        CHECK_THAT(errno, ==, EINVAL);
    }
}

static void *asks(void *unused)
{
    for (int i = 0; i < 200; i++) {
        struct search search = {.payload = NULL};
        void *block = hide(malloc((size_t)i * 50));
        heapmm_stats_t now = figures();
        CHECK_THAT(sum_of(&now), ==, now.footprint);
        CHECK_THAT(heapmm_walk(looks, &search), ==, 0);
        free(block);
    }
    return unused;
}

CASE(every_call_is_safe_beside_other_threads)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, asks, NULL) == 0);
    for (int i = 0; i < 300; i++) {
        CHECK_THAT(heapmm_check(), ==, 0);
        heapmm_trim(65536);
    }
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
