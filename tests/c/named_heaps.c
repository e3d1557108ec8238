/* Heaps: every policy serves, the figures add up, an end for all blocks, threads, forks, memory that is out. */
#include "named.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static heapmm_heap_stats_t figures(heapmm_heap_t *heap)
{
    heapmm_heap_stats_t now = {.size = sizeof now};
    CHECK_THAT(heapmm_heap_stats(heap, &now), ==, 0);
    CHECK_THAT(now.live + now.tags + now.free + now.tail + now.metadata, ==, now.footprint);
    CHECK_THAT(now.allocs - now.frees, ==, now.used_blocks);
    return now;
}

enum { SLOTS = 200 };

/* What a program believes to have in a heap. */
struct belief {
    heapmm_heap_t *heap;
    char *blocks[SLOTS];
    size_t lengths[SLOTS];
    size_t seen, free_seen, used_bytes, bytes;
};

static int look(void *payload, size_t length, heapmm_kind_t kind, void *argument)
{
    struct belief *belief = argument;
    belief->bytes += length;
    belief->free_seen += kind == HEAPMM_FREE;
    if (kind != HEAPMM_USED)
        return 0;
    belief->used_bytes += length;
    for (int i = 0; i < SLOTS; i++)
        if (belief->blocks[i] == payload) {
            CHECK_THAT(length, >=, belief->lengths[i]);
            CHECK_THAT(length, ==, heapmm_heap_usable_size(belief->heap, payload));
            belief->seen++;
        }
    return 0;
}

static void compare(struct belief *belief)
{
    heapmm_heap_stats_t now = figures(belief->heap);
    size_t held = 0;
    belief->seen = belief->free_seen = belief->used_bytes = belief->bytes = 0;
    for (int i = 0; i < SLOTS; i++)
        held += belief->blocks[i] != NULL;
    CHECK_THAT(heapmm_heap_walk(belief->heap, look, belief), ==, 0);
    CHECK_THAT(belief->seen, ==, held);
    CHECK_THAT(belief->used_bytes, ==, now.live);
    CHECK_THAT(now.used_blocks, ==, held);
    CHECK_THAT(belief->bytes, <=, now.footprint);
}

static void turn(struct belief *belief, uint32_t *seed, size_t largest)
{
    int i = (int)(next_random(seed) % SLOTS);
    size_t length = next_random(seed) % 16 == 0 ? next_random(seed) % largest : next_random(seed) % 300;
    char **block = &belief->blocks[i];
    if (*block != NULL && !is_stamped(*block, belief->lengths[i], (unsigned)i))
        check_failed(__FILE__, __LINE__, "contents", i, (long long)belief->lengths[i]);
    if (*block == NULL) {
        switch (next_random(seed) % 3) {
        case 0:
            *block = heapmm_heap_aligned(belief->heap, (size_t)16 << next_random(seed) % 8, length);
            break;
        case 1:
            *block = heapmm_heap_calloc(belief->heap, 1, length);
            CHECK(*block != NULL && is_zero(*block, length));
            break;
        default:
            *block = heapmm_heap_alloc(belief->heap, length);
        }
    } else if (next_random(seed) % 4 != 0) {
        heapmm_heap_free(belief->heap, *block);
        *block = NULL;
        return;
    } else {
        size_t kept = belief->lengths[i] < length + 1 ? belief->lengths[i] : length + 1;
        stamp(*block, kept, 99);
        *block = heapmm_heap_realloc(belief->heap, *block, ++length);
        CHECK(*block != NULL && is_stamped(*block, kept, 99));
    }
    CHECK(*block != NULL && (uintptr_t)*block % 16 == 0);
    belief->lengths[i] = length;
    stamp(*block, length, (unsigned)i);
}

static void random_calls(heapmm_heap_t *heap, int turns, size_t largest)
{
    struct belief belief = {.heap = heap};
    uint32_t seed = 2463534242u;
    for (int i = 0; i < turns; i++) {
        turn(&belief, &seed, largest);
        if (i % (turns / 8) == 0)
            compare(&belief);
    }
    compare(&belief);
    for (int i = 0; i < SLOTS; i++)
        heapmm_heap_free(heap, belief.blocks[i]);
    CHECK_THAT(figures(heap).used_blocks, ==, 0);
}

CASE(every_policy_serves_random_calls)
{
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create(POLICIES[i], POLICIES[i]);
        CHECK(heap != NULL);
        random_calls(heap, 6000, 20000);
        heapmm_heap_trim(heap, 0);
        /* Tagged blocks keep the page with the head of their first segment. */
        CHECK_THAT(figures(heap).footprint, <=, i < TAGGED ? 4096 : 0);
        random_calls(heap, 500, 3000);
        heapmm_heap_destroy(heap);
    }
}

CASE(destroying_gives_everything_back_at_once)
{
    heapmm_heap_destroy(heapmm_heap_create("first", NULL));
    for (int i = 0; i < POLICY_COUNT; i++) {
        size_t before = mapped_bytes();
        heapmm_heap_t *heap = heapmm_heap_create("to be destroyed", POLICIES[i]);
        for (int block = 0; block < 3000; block++) {
            char *bytes = heapmm_heap_alloc(heap, (size_t)block % 77 * 50 + 1);
            CHECK(bytes != NULL);
            *bytes = 1;
        }
        char *large = heapmm_heap_alloc(heap, 3 << 20);
        CHECK(large != NULL);
        memset(large, 1, 3 << 20);
        CHECK_THAT(mapped_bytes(), >=, before + figures(heap).footprint);

        heapmm_heap_destroy(heap);

        CHECK_THAT(mapped_bytes(), ==, before);
    }
    heapmm_heap_destroy(NULL);
}

static size_t named_bytes(void)
{
    heapmm_stats_t now = {.size = sizeof now};
    CHECK_THAT(heapmm_stats(&now), ==, 0);
    return now.named;
}

CASE(the_figures_of_the_process_tell_what_heaps_have_taken)
{
    CHECK_THAT(named_bytes(), ==, 0);
    heapmm_heap_destroy(heapmm_heap_create("first", NULL));
    size_t before = named_bytes();
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create("counted", POLICIES[i]);
        size_t empty = named_bytes();
        for (int block = 0; block < 3000; block++)
            CHECK(heapmm_heap_alloc(heap, 1000) != NULL);
        /* The table of its mappings is a page. */
        CHECK_THAT(named_bytes(), ==, empty + figures(heap).footprint + 4096);
        heapmm_heap_destroy(heap);
        CHECK_THAT(named_bytes(), ==, before);
    }
}

CASE(a_heap_grows_by_segments_and_keeps_its_blocks)
{
    enum { BLOCKS = 4000 };
    static char *blocks[BLOCKS];
    for (int i = 0; i < POLICY_COUNT; i += 3) {
        heapmm_heap_t *heap = heapmm_heap_create("growing", POLICIES[i]);
        for (int block = 0; block < BLOCKS; block++) {
            /* Strangers' mappings keep segments from being adjacent. */
            blocks[block] = heapmm_heap_alloc(heap, 10000);
            CHECK(blocks[block] != NULL);
            stamp(blocks[block], 10000, (unsigned)block);
        }
        for (int block = 0; block < BLOCKS; block++)
            CHECK(is_stamped(blocks[block], 10000, (unsigned)block));
        CHECK_THAT(figures(heap).live, >=, BLOCKS * 10000);
        heapmm_heap_destroy(heap);
    }
}

CASE(the_heap_of_the_textbook_is_one_free_node_of_4088_bytes)
{
    heapmm_heap_t *heap = heapmm_heap_create("textbook", "freelist");
    CHECK_THAT(figures(heap).footprint, ==, 0);

    CHECK_THAT(heapmm_heap_reserve(heap, 4096), ==, 0);

    heapmm_heap_stats_t now = figures(heap);
    struct belief belief = {.heap = heap};
    CHECK_THAT(now.footprint, ==, 4096);
    CHECK_THAT(now.free_blocks, ==, 1);
    CHECK_THAT(now.largest_free, ==, 4088);
    CHECK_THAT(heapmm_heap_walk(heap, look, &belief), ==, 0);
    CHECK_THAT(belief.bytes, ==, 4088);
    CHECK_THAT(belief.free_seen, ==, 1);
}

CASE(reserved_memory_is_there_without_another_mapping)
{
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create("reserved", POLICIES[i]);
        CHECK_THAT(heapmm_heap_reserve(heap, 1 << 20), ==, 0);
        size_t footprint = figures(heap).footprint;
        CHECK_THAT(footprint, >=, 1 << 20);
        for (int block = 0; block < 100; block++)
            CHECK(heapmm_heap_alloc(heap, 4000) != NULL);
        CHECK_THAT(figures(heap).footprint, ==, footprint);
        heapmm_heap_destroy(heap);
    }
}

CASE(a_policy_that_nobody_knows_is_einval)
{
    errno = 0;
    CHECK(heapmm_heap_create("x", "wishful") == NULL);
    CHECK_THAT(errno, ==, EINVAL);
    errno = 0;
    CHECK(heapmm_heap_create("x", "") == NULL);
    CHECK_THAT(errno, ==, EINVAL);
    heapmm_heap_t *heap = heapmm_heap_create(NULL, NULL);
    CHECK(heapmm_heap_alloc(heap, 0) != NULL);
    errno = 0;
    CHECK(heapmm_heap_aligned(heap, 24, 10) == NULL);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(absurd_requests_are_refused_and_leave_the_heap_whole)
{
    static const size_t absurd[] = {SIZE_MAX, SIZE_MAX - 64, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, (size_t)1 << 50};
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create("x", POLICIES[i]);
        char *block = heapmm_heap_alloc(heap, 100);
        stamp(block, 100, 5);
        for (int n = 0; n < 5; n++) {
            errno = 0;
            CHECK(heapmm_heap_alloc(heap, absurd[n]) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(heapmm_heap_calloc(heap, absurd[n], 3) == NULL && errno == ENOMEM);
            errno = 0;
            CHECK(heapmm_heap_realloc(heap, block, absurd[n]) == NULL && errno == ENOMEM);
            CHECK_THAT(heapmm_heap_reserve(heap, absurd[n]), ==, -1);
        }
        CHECK(is_stamped(block, 100, 5));
        CHECK(heapmm_heap_realloc(heap, block, 0) == NULL);
        CHECK_THAT(figures(heap).used_blocks, ==, 0);
        heapmm_heap_destroy(heap);
    }
}

CASE(memory_that_is_out_is_null_and_the_heap_goes_on)
{
    struct rlimit little;
    CHECK_THAT(getrlimit(RLIMIT_AS, &little), ==, 0);
    little.rlim_cur = mapped_bytes() + (24 << 20);
    CHECK_THAT(setrlimit(RLIMIT_AS, &little), ==, 0);
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create("little", POLICIES[i]);
        static char *blocks[5000];
        int count = 0;
        while (count < 5000 && (blocks[count] = heapmm_heap_alloc(heap, 8000)) != NULL)
            stamp(blocks[count], 8000, (unsigned)count), count++;
        CHECK_THAT(errno, ==, ENOMEM);
        CHECK_THAT(count, >, 700);
        CHECK_THAT(count, <, 5000);
        for (int n = 0; n < count; n++)
            CHECK(is_stamped(blocks[n], 8000, (unsigned)n));
        heapmm_heap_free(heap, blocks[count / 2]);
        CHECK(heapmm_heap_alloc(heap, 8000) == blocks[count / 2]);
        heapmm_heap_destroy(heap);
    }
}

CASE(there_are_as_many_heaps_as_are_wanted)
{
    enum { HEAPS = 700 };
    static heapmm_heap_t *heaps[HEAPS];
    static char *blocks[HEAPS];
    for (int i = 0; i < HEAPS; i++) {
        heaps[i] = heapmm_heap_create("one of many", POLICIES[i % POLICY_COUNT]);
        CHECK(heaps[i] != NULL);
        blocks[i] = heapmm_heap_alloc(heaps[i], 100);
        stamp(blocks[i], 100, (unsigned)i);
    }
    for (int i = 0; i < HEAPS; i++) {
        CHECK(is_stamped(blocks[i], 100, (unsigned)i));
        heapmm_heap_free(heaps[i], blocks[i]);
    }
    char *text = text_of(heapmm_heapinfo);
    int lines = 0;
    while ((text = strchr(text, '\n')) != NULL)
        lines++, text++;
    CHECK_THAT(lines, ==, HEAPS + 1);
    for (int i = 0; i < HEAPS; i++)
        heapmm_heap_destroy(heaps[i]);
}

static int frees(void *payload, size_t length, heapmm_kind_t kind, void *argument)
{
    CHECK_THAT(length, >, 0);
    if (kind == HEAPMM_USED)
        heapmm_heap_free(argument, payload);
    free(hide(malloc(10)));
    return 0;
}

static int stops(void *payload, size_t length, heapmm_kind_t kind, void *argument)
{
    *(size_t *)argument += length != 0 || payload != NULL || kind != HEAPMM_OWN;
    return 42;
}

CASE(a_visitor_may_free_what_it_sees_or_stop)
{
    heapmm_heap_t *heap = heapmm_heap_create("visited", "address-first");
    size_t calls = 0;
    for (int i = 0; i < 500; i++)
        heapmm_heap_alloc(heap, 100);
    CHECK_THAT(heapmm_heap_walk(heap, stops, &calls), ==, 42);
    CHECK_THAT(calls, ==, 1);

    CHECK_THAT(heapmm_heap_walk(heap, frees, heap), ==, 0);

    CHECK_THAT(figures(heap).used_blocks, ==, 0);
    errno = 0;
    CHECK_THAT(heapmm_heap_walk(heap, NULL, NULL), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(buddyinfo_counts_the_free_blocks_of_each_order)
{
    static const char *const names[] = {"buddy-binary", "buddy-fibonacci", "buddy-weighted", "buddy-tertiary"};
    heapmm_heap_t *heaps[4];
    heapmm_heap_create("no buddy", "lifo-first");
    for (int i = 0; i < 4; i++) {
        heaps[i] = heapmm_heap_create(names[i] + 6, names[i]);
        for (int block = 1; block < 50; block++)
            CHECK(heapmm_heap_alloc(heaps[i], (size_t)block * 30) != NULL);
    }

    char *line = text_of(heapmm_buddyinfo);

    for (int i = 0; i < 4; i++) {
        char name[32];
        int used = 0;
        CHECK_THAT(sscanf(line, "Node 0, zone %31s%n", name, &used), ==, 1);
        CHECK(strcmp(name, names[i] + 6) == 0);
        heapmm_heap_stats_t now = figures(heaps[i]);
        unsigned long blocks = 0, bytes = 0, orders = 0;
        char *at = line + used;
        for (char *end; *at != '\n'; at = end + strspn(end, " ")) {
            unsigned long count = strtoul(at, &end, 10);
            blocks += count;
            if (i == 0)
                bytes += count * (32ul << orders);
            orders++;
        }
        CHECK_THAT(blocks, ==, now.free_blocks);
        CHECK_THAT(orders, >=, 11);
        if (i == 0)
            CHECK_THAT(bytes, ==, now.free);
        line = at + 1;
    }
    CHECK_THAT(*line, ==, 0);
    errno = 0;
    CHECK_THAT(heapmm_buddyinfo(-1), ==, -1);
    CHECK_THAT(errno, ==, EBADF);
}

CASE(an_older_structure_is_filled_as_far_as_it_goes)
{
    union {
        heapmm_heap_stats_t now;
        unsigned char bytes[sizeof(heapmm_heap_stats_t) + 64];
    } room;
    size_t shorter = offsetof(heapmm_heap_stats_t, free);
    heapmm_heap_t *heap = heapmm_heap_create("x", NULL);
    heapmm_heap_alloc(heap, 1);
    memset(&room, 0xa5, sizeof room);
    room.now.size = shorter;

    CHECK_THAT(heapmm_heap_stats(heap, &room.now), ==, 0);

    CHECK_THAT(room.now.footprint, ==, 65536);
    for (size_t at = shorter; at < sizeof room; at++)
        CHECK_THAT(room.bytes[at], ==, 0xa5);
    room.now.size = 4;
    CHECK_THAT(heapmm_heap_stats(heap, &room.now), ==, -1);
    CHECK_THAT(heapmm_heap_stats(heap, NULL), ==, -1);
}

CASE(success_keeps_errno)
{
    heapmm_heap_t *heap;
    errno = 77;
    heap = heapmm_heap_create("x", "families");
    void *block = heapmm_heap_alloc(heap, 5 << 20);
    block = heapmm_heap_realloc(heap, block, 9 << 20);
    heapmm_heap_free(heap, block);
    heapmm_heap_trim(heap, 0);
    heapmm_heap_destroy(heap);
    CHECK_THAT(errno, ==, 77);
}

static void *churn(void *argument)
{
    struct belief belief = {.heap = argument};
    uint32_t seed = (uint32_t)(uintptr_t)&seed | 1;
    for (int i = 0; i < 4000; i++) {
        turn(&belief, &seed, 5000);
        if (i % 1000 == 0)
            heapmm_heap_trim(belief.heap, 0);
    }
    for (int i = 0; i < SLOTS; i++)
        heapmm_heap_free(belief.heap, belief.blocks[i]);
    return NULL;
}

static void in_the_child(void *argument)
{
    for (int i = 0; i < 300; i++) {
        char *block = heapmm_heap_alloc(argument, 100);
        CHECK(block != NULL);
        stamp(block, 100, 3);
        heapmm_heap_free(argument, block);
    }
    heapmm_heap_t *own = heapmm_heap_create("child", "buddy-binary");
    CHECK(heapmm_heap_alloc(own, 100) != NULL);
    CHECK(text_of(heapmm_heapinfo)[0] == 'h');
    heapmm_heap_destroy(argument);
}

CASE(threads_share_a_heap_and_children_of_forks_go_on_with_it)
{
    for (int i = 0; i < POLICY_COUNT; i += 5) {
        heapmm_heap_t *heap = heapmm_heap_create("shared", POLICIES[i]);
        beside_threads(churn, heap, in_the_child);
        CHECK_THAT(figures(heap).used_blocks, ==, 0);
        heapmm_heap_destroy(heap);
    }
}

static heapmm_heap_t *interrupted_heap;
static heapmm_pool_t *interrupted_pool;
static volatile int interruptions, refusals;

static void interrupts(int number)
{
    int before = errno;
    void *blocks[3];
    blocks[0] = heapmm_heap_alloc(interrupted_heap, 100);
    blocks[1] = heapmm_pool_alloc(interrupted_pool);
    blocks[2] = HEAPMM_NEW(struct belief);
    for (int i = 0; i < 3; i++)
        refusals += blocks[i] == NULL;
    heapmm_heap_free(interrupted_heap, blocks[0]);
    heapmm_pool_free(interrupted_pool, blocks[1]);
    HEAPMM_DELETE(blocks[2]);
    errno = before;
    interruptions += number == SIGALRM;
}

/* Not promised, and yet: who is inside already is refused, and nothing hangs or breaks. */
CASE(a_call_from_a_signal_handler_is_served_or_refused)
{
    struct itimerval often = {{0, 200}, {0, 200}};
    interrupted_heap = heapmm_heap_create("interrupted", "implicit-best");
    interrupted_pool = heapmm_pool_create("interrupted", 100, 0, NULL, NULL);
    HEAPMM_REGISTER(struct belief);
    for (int i = 0; i < 500; i++)
        heapmm_heap_alloc(interrupted_heap, 40);
    signal(SIGALRM, interrupts);
    CHECK_THAT(setitimer(ITIMER_REAL, &often, NULL), ==, 0);

    for (int i = 0; interruptions < 400; i++) {
        void *block = heapmm_heap_alloc(interrupted_heap, (size_t)i % 1000);
        void *object = heapmm_pool_alloc(interrupted_pool);
        struct belief *belief = HEAPMM_NEW(struct belief);
        CHECK(block != NULL && object != NULL && belief != NULL);
        heapmm_heap_free(interrupted_heap, block);
        heapmm_pool_free(interrupted_pool, object);
        HEAPMM_DELETE(belief);
    }

    signal(SIGALRM, SIG_IGN);
    CHECK_THAT(refusals, >, 0);
    CHECK_THAT(figures(interrupted_heap).used_blocks, ==, 500);
    CHECK_THAT(heapmm_pool_destroy(interrupted_pool), ==, 0);
}

static void forks(int number)
{
    int before = errno, status;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        signal(SIGALRM, SIG_DFL);
        heapmm_heap_t *own = heapmm_heap_create("child", NULL);
        _exit(heapmm_heap_alloc(own, 100) == NULL);
    }
    CHECK_THAT(waitpid(pid, &status, 0), ==, pid);
    CHECK_THAT(status, ==, 0);
    errno = before;
    interruptions += number == SIGALRM;
}

static void *uses_until(void *stop)
{
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
        heapmm_heap_free(interrupted_heap, heapmm_heap_alloc(interrupted_heap, 1000));
        heapmm_heap_destroy(heapmm_heap_create("short", NULL));
    }
    return NULL;
}

CASE(a_fork_in_a_signal_handler_does_not_hang)
{
    struct itimerval often = {{0, 3000}, {0, 3000}};
    pthread_t threads[2];
    int stop = 0;
    sigset_t all;
    sigfillset(&all);
    CHECK_THAT(pthread_sigmask(SIG_BLOCK, &all, NULL), ==, 0);
    interrupted_heap = heapmm_heap_create("interrupted", "implicit-best");
    for (int i = 0; i < 2000; i++)
        heapmm_heap_alloc(interrupted_heap, 40);
    for (int i = 0; i < 2; i++)
        CHECK_THAT(pthread_create(&threads[i], NULL, uses_until, &stop), ==, 0);
    CHECK_THAT(pthread_sigmask(SIG_UNBLOCK, &all, NULL), ==, 0);
    signal(SIGALRM, forks);
    CHECK_THAT(setitimer(ITIMER_REAL, &often, NULL), ==, 0);

    while (interruptions < 25)
        heapmm_heap_free(interrupted_heap, heapmm_heap_alloc(interrupted_heap, 1000));

    signal(SIGALRM, SIG_IGN);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        CHECK_THAT(pthread_join(threads[i], NULL), ==, 0);
    CHECK_THAT(figures(interrupted_heap).used_blocks, ==, 2000);
}

static void *makes_one_of_each(void *unused)
{
    for (int i = 0; i < POLICY_COUNT; i++) {
        heapmm_heap_t *heap = heapmm_heap_create("small stack", POLICIES[i]);
        char *block = heapmm_heap_alloc(heap, 1000);
        CHECK((block = heapmm_heap_realloc(heap, block, 50000)) != NULL);
        heapmm_heap_destroy(heap);
    }
    heapmm_pool_t *pool = heapmm_pool_create("small stack", 100, 0, NULL, NULL);
    CHECK(heapmm_pool_alloc(pool) != NULL && HEAPMM_NEW(long) != NULL);
    int null = open("/dev/null", O_WRONLY);
    CHECK_THAT(heapmm_heapinfo(null) + heapmm_slabinfo(null) + heapmm_buddyinfo(null) + heapmm_family_table(null), ==, 0);
    return unused;
}

CASE(a_thread_with_a_stack_of_96_kib_can_make_everything)
{
    pthread_attr_t small;
    pthread_t thread;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 96 << 10) == 0);
    CHECK_THAT(pthread_create(&thread, &small, makes_one_of_each, NULL), ==, 0);
    CHECK_THAT(pthread_join(thread, NULL), ==, 0);
}

static void *makes_and_destroys(void *stop)
{
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
        for (int i = 0; i < POLICY_COUNT; i++) {
            heapmm_heap_t *heap = heapmm_heap_create("short", POLICIES[i]);
            char *block = heapmm_heap_alloc(heap, 1000);
            CHECK(block != NULL);
            stamp(block, 1000, 1);
            heapmm_heap_destroy(heap);
        }
    return NULL;
}

CASE(heaps_come_and_go_beside_forks_and_reports)
{
    pthread_t threads[THREADS];
    int stop = 0;
    for (int i = 0; i < THREADS; i++)
        CHECK_THAT(pthread_create(&threads[i], NULL, makes_and_destroys, &stop), ==, 0);
    for (int i = 0; i < 25; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            int never = 1;
            alarm(20);
            text_of(heapmm_heapinfo);
            makes_and_destroys(&never);
            heapmm_heap_t *own = heapmm_heap_create("child", NULL);
            CHECK(heapmm_heap_alloc(own, 10) != NULL);
            _exit(0);
        }
        CHECK_THAT(waitpid(pid, &status, 0), ==, pid);
        CHECK_THAT(status, ==, 0);
        text_of(heapmm_buddyinfo);
        text_of(heapmm_slabinfo);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < THREADS; i++)
        CHECK_THAT(pthread_join(threads[i], NULL), ==, 0);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
