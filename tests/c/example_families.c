/* Families: how much memory each kind of structure of a program holds.
 *
 *     cc example_families.c -lheapmm
 */
#include <heapmm.h>
#include <stdio.h>

struct employee {
    char name[32];
    unsigned id;
    struct employee *boss;
};

struct point {
    double x, y;
};

int main(void)
{
    struct employee *staff[20];
    struct point *path;

    /* Registered, a family is in the table before its first structure is. */
    if (HEAPMM_REGISTER(struct employee) != 0 || HEAPMM_REGISTER(struct point) != 0)
        return 1;

    for (unsigned id = 0; id < 20; id++) {
        staff[id] = HEAPMM_NEW(struct employee); /* all zero, as by calloc */
        if (staff[id] == NULL)
            return 1;
        staff[id]->id = id;
        staff[id]->boss = staff[id / 2];
    }
    path = HEAPMM_NEW_N(struct point, 100);
    if (path == NULL)
        return 1;
    path[99].x = path[99].y = 1;

    HEAPMM_DELETE(staff[7]);
    puts("Twenty employees less one, and a path of a hundred points:");
    fflush(stdout);
    heapmm_family_table(1);
    heapmm_family_dump("struct point", 1);

    for (unsigned id = 0; id < 20; id++)
        if (id != 7)
            HEAPMM_DELETE(staff[id]);
    HEAPMM_DELETE(path);

    heapmm_family_stats_t stats;
    stats.size = sizeof stats;
    if (heapmm_family_stats("struct employee", &stats) != 0)
        return 1;
    printf("After the last one: %zu pages\n", stats.pages);
    return stats.pages == 0 ? 0 : 1;
}
