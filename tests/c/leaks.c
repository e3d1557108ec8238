/* Leaks: planted ones are found to the byte, each as what it is, and nothing else is. */
#include "named.h"
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

struct node {
    struct node *next, *other;
    char rest[24];
};

/* What was planted: addresses in a disguise that no search sees through. */
enum { MOST = 1 << 18 };
static uintptr_t planted[MOST];
static size_t count, bytes;

static void remember(void *block)
{
    CHECK(block != NULL && count < MOST);
    planted[count++] = ~(uintptr_t)block;
    bytes += malloc_usable_size(block);
}

static void *uncover(size_t number)
{
    return (void *)~planted[number];
}

/* Clears the stack and the registers of what calls have left behind. */
__attribute__((noinline)) static void scrub(void)
{
    volatile char left[16384];
    memset((void *)left, 0, sizeof left);
    __asm__ volatile("" : : : "memory");
}

__attribute__((noinline)) static heapmm_leaks_t found_now(void)
{
    heapmm_leaks_t leaks = {.size = sizeof leaks};
    errno = 77;
    CHECK_THAT(heapmm_leak_check(&leaks), ==, 0);
    CHECK_THAT(errno, ==, 77);
    return leaks;
}

#define found() (scrub(), found_now())

static heapmm_leaks_t before;

/* Compares with what was there when `before` was taken: what the sorts have more. */
__attribute__((noinline)) static void expect_now(size_t definite, size_t definite_bytes, size_t indirect,
                                                 size_t indirect_bytes, size_t possible, size_t possible_bytes)
{
    heapmm_leaks_t now = found_now();
    heapmm_stats_t stats = {.size = sizeof stats};
    CHECK_THAT(now.definite_blocks - before.definite_blocks, ==, definite);
    CHECK_THAT(now.definite_bytes - before.definite_bytes, ==, definite_bytes);
    CHECK_THAT(now.indirect_blocks - before.indirect_blocks, ==, indirect);
    CHECK_THAT(now.indirect_bytes - before.indirect_bytes, ==, indirect_bytes);
    CHECK_THAT(now.possible_blocks - before.possible_blocks, ==, possible);
    CHECK_THAT(now.possible_bytes - before.possible_bytes, ==, possible_bytes);
    CHECK_THAT(heapmm_stats(&stats), ==, 0);
    CHECK_THAT(now.definite_bytes + now.indirect_bytes + now.possible_bytes + now.reachable_bytes, ==, stats.live + stats.mapped);
    CHECK_THAT(now.definite_blocks + now.indirect_blocks + now.possible_blocks + now.reachable_blocks, ==, stats.blocks);
}

/* The frames below the case's own are clear when they are entered. What a case plants, a function of its own does, so
 * that no register and no variable of the case has it. */
#define expect(...) (scrub(), expect_now(__VA_ARGS__))
#define PLANT __attribute__((noinline)) static void

/* A zeroed block, to its very end: what was in it before could lead somewhere. */
__attribute__((noinline)) static void *block(size_t length)
{
    void *made = hide(apart(length));
    memset(made, 0, malloc_usable_size(made));
    return made;
}

PLANT lose(size_t number, size_t length)
{
    for (size_t n = 0; n < number; n++)
        remember(block(length));
}

static void begin(void)
{
    free(malloc(1));
    before = found();
}

CASE(lost_blocks_of_every_size_are_found_to_the_byte)
{
    begin();
    for (size_t length = 1; length < 6000; length += length < 300 ? 1 : 97)
        lose(1, length);
    for (size_t length = 8192; length <= (8u << 20); length *= 2)
        lose(2, length + 13);
    expect(count, bytes, 0, 0, 0, 0);
}

CASE(many_small_blocks_are_found_to_the_byte)
{
    begin();
    for (size_t n = 0; n < 60000; n++)
        lose(1, 8 + n % 120);
    expect(count, bytes, 0, 0, 0, 0);
}

CASE(freed_blocks_are_no_leaks)
{
    begin();
    lose(3000, 200);
    for (size_t n = 0; n < 3000; n += 2) {
        bytes -= malloc_usable_size(uncover(n));
        free(uncover(n));
    }
    expect(1500, bytes, 0, 0, 0, 0);
    for (size_t n = 1; n < 3000; n += 2)
        free(uncover(n));
    expect(0, 0, 0, 0, 0, 0);
}

PLANT plant_list(void)
{
    struct node *first = NULL;
    for (int n = 0; n < 5000; n++) {
        struct node *node = block(sizeof *node);
        remember(node);
        node->next = first;
        first = node;
    }
}

CASE(what_only_lost_blocks_lead_to_is_indirectly_lost)
{
    begin();
    plant_list();
    size_t one = malloc_usable_size(uncover(count - 1));
    expect(1, one, count - 1, bytes - one, 0, 0);
}

PLANT plant_ring(void)
{
    struct node *ring[50];
    for (int n = 0; n < 50; n++) {
        ring[n] = block(sizeof(struct node));
        remember(ring[n]);
    }
    for (int n = 0; n < 50; n++) {
        ring[n]->next = ring[(n + 1) % 50];
        ring[n]->other = ring[(n + 49) % 50];
    }
}

CASE(of_a_lost_ring_one_block_is_definitely_lost)
{
    begin();
    plant_ring();
    size_t first = 0;
    for (size_t n = 1; n < count; n++)
        first = ~planted[n] < ~planted[first] ? n : first;
    size_t one = malloc_usable_size(uncover(first));
    expect(1, one, 49, bytes - one, 0, 0);
}

static char *volatile inside[2];

PLANT plant_two(void)
{
    struct node *node = block(sizeof *node), *behind = block(sizeof *node);
    remember(node);
    remember(behind);
    node->next = behind;
}

PLANT point_inside(size_t number, size_t offset)
{
    inside[number] = (char *)uncover(number) + offset;
}

CASE(what_only_an_inner_address_leads_to_is_possibly_lost)
{
    begin();
    plant_two();
    point_inside(0, 27);
    expect(0, 0, 0, 0, 2, bytes);
    point_inside(0, 0);
    expect(0, 0, 0, 0, 0, 0);
    inside[0] = NULL;
    size_t one = malloc_usable_size(uncover(0));
    expect(1, one, 1, bytes - one, 0, 0);
}

CASE(an_inner_address_of_a_large_block_is_one)
{
    begin();
    lose(1, 30 << 20);
    lose(1, 600 << 10);
    point_inside(0, 29 << 20);
    point_inside(1, 599 << 10);
    expect(0, 0, 0, 0, 2, bytes);
    inside[1] = NULL;
    size_t one = malloc_usable_size(uncover(1));
    expect(1, one, 0, 0, 1, bytes - one);
    inside[0] = NULL;
    expect(2, bytes, 0, 0, 0, 0);
}

static void *volatile of_data = (void *)&of_data, *volatile of_bss;
static __thread void *volatile of_thread;

CASE(what_variables_lead_to_is_reachable)
{
    void *volatile of_stack = block(100);
    of_data = block(5000);
    of_bss = block(3 << 20);
    of_thread = block(64);
    ((void **)of_bss)[200000] = block(300);
    void **mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void **shared = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mapped[77777] = block(200);
    shared[77777] = block(200);
    CHECK_THAT(mprotect(mapped, 1 << 20, PROT_READ), ==, 0);
    setvbuf(stdin, NULL, _IOFBF, 10000);
    heapmm_leaks_t now = found();
    CHECK_THAT(now.definite_blocks + now.indirect_blocks + now.possible_blocks, ==, 0);
    CHECK_THAT(now.reachable_blocks, >=, 7);
    CHECK(of_stack != NULL);
}

CASE(what_heaps_of_the_program_hold_counts)
{
    heapmm_heap_t *heap = heapmm_heap_create("own", "implicit-first");
    begin();
    void **held = heapmm_heap_alloc(heap, 800);
    held[50] = block(100);
    lose(1, 100);
    expect(1, bytes, 0, 0, 0, 0);
}

CASE(a_register_can_be_all_that_leads_to_a_block)
{
    begin();
    register void *kept __asm__("r15") = block(1000);
    __asm__ volatile("" : "+r"(kept));
    expect(0, 0, 0, 0, 0, 0);
    __asm__ volatile("" : "+r"(kept));
}

CASE(a_block_that_cannot_be_read_in_part_is_read_where_it_can)
{
    begin();
    void *large = NULL;
    CHECK_THAT(posix_memalign(&large, 4096, 64 << 10), ==, 0);
    memset(large, 0, 64 << 10);
    of_bss = large;
    ((void **)large)[10] = block(100);
    ((void **)large)[8000] = block(100);
    ((void **)large)[1000] = NULL;
    CHECK_THAT(mprotect((char *)large + 8192, 4096, PROT_NONE), ==, 0);
    lose(1, 50);
    expect(1, bytes, 0, 0, 0, 0);
    CHECK_THAT(mprotect((char *)large + 8192, 4096, PROT_READ | PROT_WRITE), ==, 0);
}

enum { WIDTH = 24000 };

PLANT plant_tree(void)
{
    void **root = block(WIDTH * sizeof *root);
    remember(root);
    for (int n = 0; n < WIDTH; n++) {
        void **leaf = block(40);
        *leaf = block(16);
        root[n] = leaf;
        remember(leaf);
        remember(*leaf);
    }
    of_bss = root;
}

/* More blocks wait to be looked into than the check has room for. */
CASE(a_tree_that_is_wide_is_followed_to_its_leaves)
{
    begin();
    plant_tree();
    expect(0, 0, 0, 0, 0, 0);
    of_bss = NULL;
    size_t one = malloc_usable_size(uncover(0));
    expect(1, one, 2 * WIDTH, bytes - one, 0, 0);
}

static pthread_barrier_t barrier;

static void *lose_and_end(void *argument)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    lose(10, 90);
    of_thread = block(90);
    remember(of_thread);
    pthread_mutex_unlock(&lock);
    return argument;
}

CASE(threads_that_ended_lead_nowhere)
{
    pthread_t threads[8];
    for (int n = 0; n < 8; n++)
        pthread_create(&threads[n], NULL, lose_and_end, NULL);
    for (int n = 0; n < 8; n++)
        pthread_join(threads[n], NULL);
    heapmm_leaks_t now = found();
    CHECK_THAT(now.definite_blocks, ==, 88);
    CHECK_THAT(now.definite_bytes, ==, bytes);
    CHECK_THAT(now.possible_blocks + now.indirect_blocks, ==, 0);
}

static volatile int is_over;

static void *hold_and_sleep(void *argument)
{
    register void *kept __asm__("r14") = block(700);
    __asm__ volatile("" : "+r"(kept));
    of_thread = block(70);
    scrub();
    pthread_barrier_wait(&barrier);
    while (!is_over)
        usleep(1000);
    __asm__ volatile("" : "+r"(kept));
    free(kept);
    free(of_thread);
    return argument;
}

static void *hold_and_run(void *argument)
{
    register void *kept __asm__("r15") = block(800);
    __asm__ volatile("" : "+r"(kept));
    scrub();
    pthread_barrier_wait(&barrier);
    while (!is_over)
        __asm__ volatile("" : "+r"(kept));
    free(kept);
    return argument;
}

static void *churn(void *argument)
{
    void *slots[64] = {0};
    uint32_t state = 7;
    pthread_barrier_wait(&barrier);
    while (!is_over) {
        uint32_t n = next_random(&state) % 64;
        free(slots[n]);
        slots[n] = malloc(next_random(&state) % (n == 0 ? 2000000 : 3000));
    }
    for (int n = 0; n < 64; n++)
        free(slots[n]);
    return argument;
}

static void with_threads(void *(*body)(void *), int rounds)
{
    pthread_t threads[6];
    lose(20, 123);
    pthread_barrier_init(&barrier, NULL, 7);
    for (int n = 0; n < 6; n++)
        pthread_create(&threads[n], NULL, body, NULL);
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < rounds; n++) {
        heapmm_leaks_t now = found();
        CHECK_THAT(now.definite_blocks, ==, count);
        CHECK_THAT(now.definite_bytes, ==, bytes);
        CHECK_THAT(now.indirect_blocks + now.possible_blocks, ==, 0);
    }
    is_over = 1;
    for (int n = 0; n < 6; n++)
        pthread_join(threads[n], NULL);
}

CASE(what_threads_hold_in_registers_while_they_sleep_is_reachable)
{
    with_threads(hold_and_sleep, 5);
}

CASE(what_threads_hold_in_registers_while_they_run_is_reachable)
{
    with_threads(hold_and_run, 5);
}

/* A stopped thread may be anywhere in malloc. What it is just taking out of a cache or putting back may look lost, and
 * what lies beside may look held: no more than one block of each thread. */
CASE(threads_that_allocate_are_checked_without_harm)
{
    pthread_t threads[6];
    lose(20, 123);
    scrub();
    pthread_barrier_init(&barrier, NULL, 7);
    for (int n = 0; n < 6; n++)
        pthread_create(&threads[n], NULL, churn, NULL);
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < 50; n++) {
        heapmm_leaks_t now = found();
        CHECK_THAT(now.definite_blocks, >=, count - 6);
        CHECK_THAT(now.definite_blocks, <=, count + 6);
        usleep(200);
    }
    is_over = 1;
    for (int n = 0; n < 6; n++)
        pthread_join(threads[n], NULL);
    CHECK_THAT(heapmm_check(), ==, 0);
}

CASE(a_child_of_a_fork_finds_what_its_parent_lost_and_its_own)
{
    begin();
    lose(100, 333);
    pid_t child = fork();
    if (child == 0) {
        lose(50, 333);
        expect(150, bytes, 0, 0, 0, 0);
        _exit(0);
    }
    int status;
    CHECK_THAT(waitpid(child, &status, 0), ==, child);
    CHECK_THAT(status, ==, 0);
    expect(100, bytes, 0, 0, 0, 0);
}

static ucontext_t main_context, other_context;

static void on_other_stack(void)
{
    void *volatile held = block(444);
    lose(5, 55);
    expect(5, bytes, 0, 0, 0, 0);
    CHECK(held != NULL);
    free(held);
}

CASE(a_stack_in_a_block_is_no_leak)
{
    begin();
    getcontext(&other_context);
    char *stack = block(256 << 10);
    planted[MOST - 1] = ~(uintptr_t)stack;
    other_context.uc_stack.ss_sp = stack;
    other_context.uc_stack.ss_size = 256 << 10;
    other_context.uc_link = &main_context;
    stack = NULL;
    makecontext(&other_context, on_other_stack, 0);
    swapcontext(&main_context, &other_context);
}

CASE(no_descriptor_and_no_mapping_is_left)
{
    begin();
    int lowest = dup(0);
    close(lowest);
    size_t mapped = mapped_bytes();
    for (int n = 0; n < 20; n++)
        found();
    int again = dup(0);
    CHECK_THAT(again, ==, lowest);
    close(again);
    CHECK_THAT(mapped_bytes(), ==, mapped);
}

CASE(an_older_caller_gets_what_it_knows)
{
    heapmm_leaks_t leaks;
    memset(&leaks, 0x55, sizeof leaks);
    leaks.size = 2 * sizeof(size_t);
    lose(3, 100);
    scrub();
    CHECK_THAT(heapmm_leak_check(&leaks), ==, 0);
    CHECK_THAT(leaks.size, ==, 2 * sizeof(size_t));
    CHECK_THAT(leaks.definite_bytes, ==, bytes);
    CHECK_THAT(leaks.definite_blocks, ==, 0x5555555555555555);
    leaks.size = 7;
    CHECK_THAT(heapmm_leak_check(&leaks), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
    CHECK_THAT(heapmm_leak_check(NULL), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(without_memory_there_is_no_figure_and_all_goes_on)
{
    heapmm_leaks_t leaks = {.size = sizeof leaks};
    struct rlimit limit, none;
    getrlimit(RLIMIT_AS, &none);
    limit = none;
    limit.rlim_cur = mapped_bytes();
    CHECK_THAT(setrlimit(RLIMIT_AS, &limit), ==, 0);
    CHECK_THAT(heapmm_leak_check(&leaks), ==, -1);
    CHECK_THAT(errno, ==, ENOMEM);
    CHECK_THAT(setrlimit(RLIMIT_AS, &none), ==, 0);
    CHECK_THAT(heapmm_leak_check(&leaks), ==, 0);
}

CASE(the_table_names_sorts_and_groups)
{
    lose(12, 5000);
    scrub();
    char *text = text_of(heapmm_leak_table);
    CHECK(strstr(text, "definitely lost") != NULL && strstr(text, "still reachable") != NULL);
    char group[64];
    snprintf(group, sizeof group, " x %zu bytes, at 0x", malloc_usable_size(uncover(0)));
    CHECK(strstr(text, "  definitely lost: ") != NULL && strstr(text, group) != NULL);
    CHECK_THAT(heapmm_leak_table(-1), ==, -1);
    CHECK_THAT(errno, ==, EBADF);
}

int main(int argc, char **argv)
{
    return run_cases(argc, argv);
}
