/* Families: the figures to the byte, the table, and who may do what. */
#include "named.h"

struct employee {
    char name[32];
    unsigned id;
    struct employee *boss;
};

struct student {
    char bytes[100];
};

struct wide {
    _Alignas(128) char bytes[128];
};

static heapmm_family_stats_t figures(const char *name)
{
    heapmm_family_stats_t now = {.size = sizeof now};
    CHECK_THAT(heapmm_family_stats(name, &now), ==, 0);
    return now;
}

/* Structures of 48 bytes are blocks of 48, of 100 ones of 112; each with a meta block of 16. */
CASE(the_figures_of_a_family_are_right_to_the_byte)
{
    CHECK_THAT(HEAPMM_REGISTER(struct employee), ==, 0);
    heapmm_family_stats_t none = figures("struct employee");
    struct employee *staff[10];
    for (int i = 0; i < 10; i++)
        staff[i] = HEAPMM_NEW(struct employee);
    HEAPMM_DELETE(staff[3]);

    heapmm_family_stats_t now = figures("struct employee");

    CHECK_THAT(none.blocks + none.pages + none.page_bytes + none.used_bytes + none.manager_bytes, ==, 0);
    CHECK_THAT(now.object_size, ==, 48);
    CHECK_THAT(now.used_blocks, ==, 9);
    CHECK_THAT(now.free_blocks, ==, 2);
    CHECK_THAT(now.blocks, ==, 11);
    CHECK_THAT(now.used_bytes, ==, 9 * 48);
    CHECK_THAT(now.pages, ==, 1);
    CHECK_THAT(now.page_bytes, ==, 8192);
    /* Eleven meta blocks, and one page for the queue of free blocks. */
    CHECK_THAT(now.manager_bytes, ==, 11 * 16 + 4096);
    for (int i = 0; i < 10; i++)
        if (i != 3)
            HEAPMM_DELETE(staff[i]);
    now = figures("struct employee");
    CHECK_THAT(now.pages + now.page_bytes + now.blocks + now.manager_bytes, ==, 0);
}

CASE(the_table_has_a_line_for_each_family_and_one_for_all)
{
    struct employee *one = HEAPMM_NEW(struct employee);
    struct student *two = HEAPMM_NEW_N(struct student, 2);
    CHECK_THAT(HEAPMM_REGISTER(struct wide), ==, 0);

    char *text = text_of(heapmm_family_table);

    /* The last figure of the last line has page cards and shelves in it. */
    char *last = strrchr(text, ' ');
    CHECK_THAT(strtoul(last, NULL, 10), >, 4 * 16 + 2 * 4096);
    *last = 0;
    static const char wanted[] =
        "family                         size     blocks       free   occupied      bytes      pages page_bytes    share_%    manager\n"
        "struct employee                  48          2          1          1         48          1       8192        0.5       4128\n"
        "struct student                  100          2          1          1        208          1       8192        2.5       4128\n"
        "struct wide                     128          0          0          0          0          0          0        0.0          0\n"
        "all                               0          4          2          2        256          2      16384        1.5";
    size_t length = sizeof wanted - 1;
    CHECK(strncmp(text, wanted, length) == 0 && strspn(text + length, " ") == strlen(text + length));
    HEAPMM_DELETE(one);
    HEAPMM_DELETE(two);
    text = text_of(heapmm_family_table);
    unsigned long numbers[8];
    CHECK_THAT(sscanf(strstr(text, "\nall"), "\nall %lu %lu %lu %lu %lu %lu %lu", &numbers[0], &numbers[1], &numbers[2], &numbers[3],
                      &numbers[4], &numbers[5], &numbers[6]),
               ==, 7);
    for (int i = 0; i < 7; i++)
        CHECK_THAT(numbers[i], ==, 0);
}

static int dump_students(int fd) { return heapmm_family_dump("struct student", fd); }

CASE(the_dump_has_a_line_for_every_block)
{
    struct student *students[5];
    for (int i = 0; i < 5; i++)
        students[i] = HEAPMM_NEW(struct student);
    HEAPMM_DELETE(students[2]);

    char *line = text_of(dump_students);

    for (int i = 0; i < 6; i++) {
        unsigned long address, bytes;
        char state[16];
        CHECK_THAT(sscanf(line, "0x%lx %lu %15s", &address, &bytes, state), ==, 3);
        CHECK_THAT(bytes, ==, i < 5 ? 112 : 8192 - 16 - 5 * 128);
        CHECK(i == 5 || address == (uintptr_t)students[i]);
        CHECK(strcmp(state, i == 2 || i == 5 ? "free" : "occupied") == 0);
        line = strchr(line, '\n') + 1;
    }
    CHECK_THAT(*line, ==, 0);
    errno = 0;
    CHECK_THAT(heapmm_family_dump("struct nobody", 1), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
}

CASE(a_new_structure_is_zero_also_where_another_was)
{
    for (int turn = 0; turn < 50; turn++) {
        struct student *students[40];
        for (int i = 0; i < 40; i++) {
            students[i] = HEAPMM_NEW(struct student);
            CHECK(students[i] != NULL && is_zero(students[i], sizeof *students[i]));
            memset(students[i], 0xee, sizeof *students[i]);
        }
        struct employee *row = HEAPMM_NEW_N(struct employee, 1000);
        CHECK(row != NULL && is_zero(row, 1000 * sizeof *row));
        memset(row, 0xdd, 1000 * sizeof *row);
        HEAPMM_DELETE(row);
        for (int i = 0; i < 40; i++)
            HEAPMM_DELETE(students[i]);
    }
}

CASE(the_largest_free_block_is_taken)
{
    static const size_t counts[] = {40, 10, 60, 10, 20, 10};
    char *rows[6];
    for (int i = 0; i < 6; i++)
        rows[i] = heapmm_family_alloc("grain", 16, 16, counts[i]);
    char *last = heapmm_family_alloc("grain", 16, 16, 8192 / 16 - 1 - 150 - 6 - 1);
    CHECK_THAT(figures("grain").free_blocks, ==, 0);
    for (int i = 0; i < 6; i += 2)
        heapmm_family_free(rows[i]);

    char *placed = heapmm_family_alloc("grain", 16, 16, 1);

    CHECK(placed == rows[2]);
    CHECK(last != NULL);
}

CASE(a_family_registers_itself_and_keeps_its_size)
{
    struct employee *one = HEAPMM_NEW(struct employee);
    CHECK(one != NULL);
    CHECK_THAT(figures("struct employee").used_blocks, ==, 1);
    CHECK_THAT(HEAPMM_REGISTER(struct employee), ==, 0);
    errno = 0;
    CHECK_THAT(heapmm_family_register("struct employee", 49), ==, -1);
    CHECK_THAT(errno, ==, EINVAL);
    errno = 0;
    CHECK(heapmm_family_alloc("struct employee", 47, 16, 1) == NULL);
    CHECK_THAT(errno, ==, EINVAL);
    CHECK_THAT(figures("struct employee").used_blocks, ==, 1);
}

CASE(what_cannot_be_a_family_is_einval_and_what_is_too_much_enomem)
{
    char name[100];
    memset(name, 'n', sizeof name);
    name[81] = 0;
    heapmm_family_stats_t now = {.size = sizeof now};
    int wrong = heapmm_family_register("", 8) + heapmm_family_register(NULL, 8) + heapmm_family_register("nothing", 0) +
                heapmm_family_register(name, 8) + heapmm_family_stats("struct nobody", &now) + heapmm_family_stats("x", NULL);
    CHECK_THAT(wrong, ==, -6);
    name[80] = 0;
    CHECK_THAT(heapmm_family_register(name, 8), ==, 0);
    CHECK(heapmm_family_alloc("odd", 8, 24, 1) == NULL);
    static const size_t absurd[] = {SIZE_MAX / 48, SIZE_MAX / 48 + 1, SIZE_MAX, (size_t)1 << 50};
    for (int i = 0; i < 4; i++) {
        errno = 0;
        CHECK(HEAPMM_NEW_N(struct employee, absurd[i]) == NULL);
        CHECK_THAT(errno, ==, ENOMEM);
    }
    HEAPMM_DELETE(NULL);
}

CASE(structures_are_aligned_as_their_type_is)
{
    for (int i = 0; i < 100; i++) {
        struct wide *wide = HEAPMM_NEW(struct wide);
        CHECK_THAT((uintptr_t)wide % 128, ==, 0);
        CHECK(is_zero(wide, sizeof *wide));
        memset(wide, 1, sizeof *wide);
    }
}

CASE(there_are_as_many_families_as_are_wanted)
{
    char name[32];
    for (size_t i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "struct number_%zu", i);
        CHECK_THAT(heapmm_family_register(name, i + 1), ==, 0);
    }
    for (size_t i = 0; i < 3000; i += 299) {
        snprintf(name, sizeof name, "struct number_%zu", i);
        CHECK(heapmm_family_alloc(name, i + 1, 1, 1) != NULL);
        CHECK_THAT(figures(name).object_size, ==, i + 1);
    }
}

CASE(trimming_gives_free_pages_back)
{
    struct student *row = HEAPMM_NEW_N(struct student, 200000);
    CHECK(row != NULL);
    memset(row, 1, 200000 * sizeof *row);
    size_t before = mapped_bytes();
    HEAPMM_DELETE(row);

    CHECK_THAT(heapmm_family_trim(), ==, 1);

    CHECK_THAT(mapped_bytes(), <, before - 15000000);
    CHECK(HEAPMM_NEW(struct student) != NULL);
}

static void *churn(void *unused)
{
    uint32_t seed = (uint32_t)(uintptr_t)&seed | 1;
    struct student *held[100] = {NULL};
    for (int i = 0; i < 30000; i++) {
        struct student **slot = &held[next_random(&seed) % 100];
        if (*slot != NULL) {
            CHECK(is_stamped(*slot, sizeof **slot, (unsigned)(uintptr_t)slot));
            HEAPMM_DELETE(*slot);
            *slot = NULL;
        } else {
            *slot = i % 2 ? HEAPMM_NEW(struct student) : (struct student *)HEAPMM_NEW_N(struct employee, 3);
            CHECK(*slot != NULL && is_zero(*slot, sizeof **slot));
            stamp(*slot, sizeof **slot, (unsigned)(uintptr_t)slot);
        }
    }
    for (int i = 0; i < 100; i++)
        HEAPMM_DELETE(held[i]);
    return unused;
}

static void in_the_child(void *unused)
{
    for (int i = 0; i < 300; i++)
        CHECK(HEAPMM_NEW(struct student) != NULL);
    CHECK(line_of(text_of(heapmm_family_table), "struct student") != NULL || unused != NULL);
}

CASE(threads_share_the_families_and_children_of_forks_go_on_with_them)
{
    beside_threads(churn, NULL, in_the_child);

    CHECK_THAT(figures("struct student").pages, ==, 0);
    CHECK_THAT(figures("struct employee").pages, ==, 0);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
