/* One misuse among 400 live blocks: 266 cases, each in a child of its own, and what came of it.
 *
 *   clean        SIGABRT after one line on stderr
 *   trapped      another signal: the misuse hit memory that nobody may write
 *   harmless     the program went on and every later answer of the allocator was right
 *   exploitable  a block twice, overlapping blocks, a block of the attacker's choice, damaged live data
 *   hung         no end within its time
 *
 * `misuse_matrix` prints one line for each family, `family cases clean trapped harmless exploitable hung`, and on
 * stderr one line for every case that was neither clean nor harmless. `misuse_matrix N` runs case N alone.
 */
#include "shadow.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const size_t lengths[] = {24, 100, 500, 3000, 20000, 80000, 300000};
enum { LENGTHS = 7, LIVE = 400, HOLES = 100, NEIGHBOURS = 3 };

/* The block that suffers, the live blocks made just before and after it, and a thread that waits to free. */
static char *victim, *before[NEIGHBOURS], *after[NEIGHBOURS];
static size_t length, usable;
static pthread_t thread;
static pthread_barrier_t go, done;

static void drop(char *block)
{
    int index = shadow_find(block);
    if (index >= 0)
        free(shadow_drop(index));
}

/* Frees the victim rightly. */
static void free_victim(void) { free(shadow_drop(shadow_find(victim))); }

static void writes(char *from, const void *bytes, size_t count)
{
    written_from = from;
    written_to = from + count;
    memcpy(from, bytes, count);
}

static void *frees_in_thread(void *unused)
{
    pthread_barrier_wait(&go);
    free(victim);
    pthread_barrier_wait(&done);
    return unused;
}

static void let_thread_free(void)
{
    pthread_barrier_wait(&go);
    pthread_barrier_wait(&done);
}

/* Double frees. */
static void again_at_once(void) { free_victim(); free(victim); }
static void again_after_another(void) { free_victim(); drop(after[0]); free(victim); }
static void again_after_the_neighbours(void) { drop(before[0]); drop(after[0]); free_victim(); free(victim); }
static void again_after_trim(void) { free_victim(); malloc_trim(0); free(victim); }
static void again_in_another_thread(void) { free_victim(); let_thread_free(); }

static void again_after_fifty(void)
{
    free_victim();
    for (int i = shadowed - 1, freed = 0; i >= 0 && freed < 50; i--)
        if (shadow[i].length == length) {
            free(shadow_drop(i));
            freed++;
        }
    free(victim);
}

static void again_after_its_thread_ended(void)
{
    shadow_drop(shadow_find(victim));
    let_thread_free();
    CHECK(pthread_join(thread, NULL) == 0);
    free(victim);
}

/* Invalid frees. */
static void forge(char *at) { memcpy(at - 16, victim - 16, 16); }
static void of_sixteen_bytes_in(void) { free(victim + 16); }
static void of_eight_bytes_in(void) { free(victim + 8); }
static void of_one_byte_in(void) { free(victim + 1); }
static void of_the_middle(void) { free(victim + (length / 2 + 15) / 16 * 16); }
static void of_sixteen_bytes_below(void) { free(victim - 16 - (shadow_find(victim - 16) >= 0 ? 8 : 0)); }
static void of_forged_static_data(void) { forge(prey + 2048); free(hide(prey + 2048)); }
static void of_a_foreign_mapping(void) { free(mapped_prey + 4096 + 16); }
static void of_past_the_heap(void) { free((char *)sbrk(0) + 4096 + 16); }
static void of_a_wild_number(void) { free(hide((void *)(uintptr_t)(0x4141414141410000 + length / 16 * 16))); }

/* The victim holds a copy of what stands before it. */
static void of_a_forged_header_inside(void)
{
    written_from = victim;
    written_to = victim + 16;
    forge(victim + 16);
    free(victim + 16);
}

static void of_a_forged_foreign_mapping(void)
{
    char *at = mapped_prey + 8192 + ((uintptr_t)victim & 4095);
    forge(at);
    free(at);
}

static void of_the_stack(void)
{
    _Alignas(16) char local[512];
    memset(local, 0x41, sizeof local);
    forge(local + 128);
    free(hide(local + 128));
}

/* Overflows: written behind the usable end, then everything about is freed. */
static void frees_about(void) { drop(after[0]); drop(victim); drop(before[0]); drop(after[1]); }
static void by_a_zero(void) { writes(victim + usable, "", 1); frees_about(); }
static void by_a_letter(void) { writes(victim + usable, "A", 1); frees_about(); }
static void by_eight_letters(void) { writes(victim + usable, "AAAAAAAA", 8); frees_about(); }
static void by_three_zero_words(void) { writes(victim + usable, (char[24]){0}, 24); frees_about(); }

static void by_sixty_four_letters(void)
{
    char letters[64];
    memset(letters, 'A', sizeof letters);
    writes(victim + usable, letters, sizeof letters);
    frees_about();
}

/* The word behind the block says "64 bytes more": the old trick to make a free block swallow a live one. */
static void by_a_larger_size(void)
{
    uint64_t word;
    memcpy(&word, victim + usable, sizeof word);
    word += 64;
    writes(victim + usable, &word, sizeof word);
    frees_about();
}

/* Underflows. */
static void below_by_one(void) { writes(victim - 1, "A", 1); frees_about(); }
static void below_by_eight(void) { writes(victim - 8, "AAAAAAAA", 8); frees_about(); }
static void below_by_sixteen(void) { writes(victim - 16, "AAAAAAAAAAAAAAAA", 16); frees_about(); }

/* Writes after free. */
static void *const prey_pointers[2] = {prey + 4096, prey + 8192};
static void a_pointer(void) { free_victim(); memcpy(victim, prey_pointers, 8); }
static void two_pointers(void) { free_victim(); memcpy(victim, prey_pointers, 16); }
static void a_pointer_in_the_second_word(void) { free_victim(); memcpy(victim + 8, prey_pointers, 8); }
static void all_of_it(void) { free_victim(); memset(victim, 'A', length); }
static void its_last_word(void) { free_victim(); memset(victim + usable - 8, 'A', 8); }
static void a_count_of_one(void) { free_victim(); ++*(volatile uint32_t *)victim; }

/* Bad reallocs: what they return counts as a block. */
static void resizes(char *block)
{
    char *resized = hide(realloc(block, length * 2));
    shadow_take(resized, length * 2);
}
static void resize_of_a_freed_block(void) { free_victim(); resizes(victim); }
static void resize_inside(void) { resizes(victim + 16); }
static void resize_of_a_foreign_mapping(void) { resizes(mapped_prey + 4096 + 16); }

static void resize_of_the_stack(void)
{
    _Alignas(16) char local[512];
    memset(local, 0x41, sizeof local);
    resizes(hide(local + 128));
}

struct kind {
    const char *family, *name;
    void (*misuse)(void);
};

#define KIND(family, misuse) {family, #misuse, misuse}
static const struct kind kinds[] = {
    KIND("double_free", again_at_once),
    KIND("double_free", again_after_another),
    KIND("double_free", again_after_fifty),
    KIND("double_free", again_after_the_neighbours),
    KIND("double_free", again_after_trim),
    KIND("double_free", again_in_another_thread),
    KIND("double_free", again_after_its_thread_ended),
    KIND("invalid_free", of_sixteen_bytes_in),
    KIND("invalid_free", of_eight_bytes_in),
    KIND("invalid_free", of_one_byte_in),
    KIND("invalid_free", of_the_middle),
    KIND("invalid_free", of_sixteen_bytes_below),
    KIND("invalid_free", of_a_forged_header_inside),
    KIND("invalid_free", of_forged_static_data),
    KIND("invalid_free", of_the_stack),
    KIND("invalid_free", of_a_foreign_mapping),
    KIND("invalid_free", of_a_forged_foreign_mapping),
    KIND("invalid_free", of_past_the_heap),
    KIND("invalid_free", of_a_wild_number),
    KIND("overflow", by_a_zero),
    KIND("overflow", by_a_letter),
    KIND("overflow", by_eight_letters),
    KIND("overflow", by_three_zero_words),
    KIND("overflow", by_sixty_four_letters),
    KIND("overflow", by_a_larger_size),
    KIND("underflow", below_by_one),
    KIND("underflow", below_by_eight),
    KIND("underflow", below_by_sixteen),
    KIND("write_after_free", a_pointer),
    KIND("write_after_free", two_pointers),
    KIND("write_after_free", a_pointer_in_the_second_word),
    KIND("write_after_free", all_of_it),
    KIND("write_after_free", its_last_word),
    KIND("write_after_free", a_count_of_one),
    KIND("bad_realloc", resize_of_a_freed_block),
    KIND("bad_realloc", resize_inside),
    KIND("bad_realloc", resize_of_the_stack),
    KIND("bad_realloc", resize_of_a_foreign_mapping),
};
enum { KINDS = sizeof kinds / sizeof kinds[0], CASES = KINDS * LENGTHS };

/* 400 live blocks of all lengths, holes between them, and among them the victim with its neighbours. */
static void arrange(void)
{
    char *holes[HOLES];
    for (int i = 0; i < LIVE + HOLES - 2 * NEIGHBOURS - 1; i++) {
        size_t n = lengths[i % LENGTHS];
        if (i % 5 == 4 && i / 5 < HOLES)
            holes[i / 5] = hide(malloc(n));
        else
            shadow_take(hide(malloc(n)), n);
        if (i == LIVE / 2) {
            for (int k = NEIGHBOURS - 1; k >= 0; k--)
                shadow_take(before[k] = hide(malloc(length)), length);
            shadow_take(victim = hide(malloc(length)), length);
            for (int k = 0; k < NEIGHBOURS; k++)
                shadow_take(after[k] = hide(malloc(length)), length);
        }
    }
    usable = malloc_usable_size(victim);
    for (int i = 0; i < (LIVE + HOLES - 2 * NEIGHBOURS - 1) / 5; i++)
        free(holes[i]);
}

/* Life goes on: many requests, of the victim's length first, and frees of everything that is live. */
static void live_on(void)
{
    uint32_t state = 17;
    for (int i = 0; i < 24; i++)
        shadow_take(hide(malloc(length)), length);
    for (int round = 0; round < 30; round++)
        for (int i = 0; i < LENGTHS; i++)
            if (round < 8 || lengths[i] < 3000)
                shadow_take(hide(malloc(lengths[i])), lengths[i]);
    shadow_check_all();
    for (int step = 0; step < 400; step++) {
        if (shadowed > 0)
            free(shadow_drop((int)(next_random(&state) % (unsigned)shadowed)));
        size_t n = lengths[next_random(&state) % 5];
        shadow_take(hide(malloc(n)), n);
    }
    while (shadowed > 0)
        free(shadow_drop((int)(next_random(&state) % (unsigned)shadowed)));
}

static void run_case(const struct kind *kind, size_t bytes)
{
    char here;
    length = bytes;
    stack_low = &here - 65536;
    stack_high = &here + 4096;
    mapped_prey = mmap(NULL, PREY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped_prey != MAP_FAILED);
    CHECK(pthread_barrier_init(&go, NULL, 2) == 0 && pthread_barrier_init(&done, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, frees_in_thread, NULL) == 0);
    arrange();
    kind->misuse();
    live_on();
}

/* Runs one case in a child and returns the column of its outcome. */
enum outcome { CLEAN, TRAPPED, HARMLESS, BROKEN, HUNG, OUTCOMES };

static enum outcome outcome_of(int number, char *told, size_t room)
{
    int stream[2], status;
    CHECK(pipe(stream) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(stream[1], 2);
        close(stream[0]);
        close(stream[1]);
        alarm(20);
        run_case(&kinds[number / LENGTHS], lengths[number % LENGTHS]);
        _exit(0);
    }
    close(stream[1]);
    ssize_t got = 0, more;
    while ((more = read(stream[0], told + got, room - 1 - (size_t)got)) > 0)
        got += more;
    told[got] = 0;
    close(stream[0]);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 ? HARMLESS : BROKEN;
    if (WTERMSIG(status) == SIGALRM)
        return HUNG;
    int one_line = got > 0 && strchr(told, '\n') == told + got - 1;
    return WTERMSIG(status) == SIGABRT && one_line ? CLEAN : TRAPPED;
}

int main(int argc, char **argv)
{
    static const char *const words[OUTCOMES] = {"clean", "trapped", "harmless", "exploitable", "hung"};
    static char told[4096];
    if (argc == 2) {
        int number = atoi(argv[1]);
        run_case(&kinds[number / LENGTHS], lengths[number % LENGTHS]);
        return 0;
    }
    for (int k = 0; k < KINDS;) {
        int counts[OUTCOMES] = {0}, cases = 0;
        const char *family = kinds[k].family;
        for (; k < KINDS && strcmp(kinds[k].family, family) == 0; k++)
            for (int l = 0; l < LENGTHS; l++, cases++) {
                int number = k * LENGTHS + l;
                enum outcome outcome = outcome_of(number, told, sizeof told);
                counts[outcome]++;
                if (outcome != CLEAN)
                    say(2, "%s %s of %zu (case %d): %s %.200s\n", family, kinds[k].name, lengths[l], number, words[outcome], told);
            }
        say(1, "%s %d %d %d %d %d %d\n", family, cases, counts[CLEAN], counts[TRAPPED], counts[HARMLESS], counts[BROKEN],
            counts[HUNG]);
    }
    return 0;
}
