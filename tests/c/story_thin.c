/* Huge pages are for a heap that grows. After most of it was given back none are wanted there: the kernel would go on
 * putting them together from what was given back and the few pages that are used, and the process grow while it rests.
 */
#include "check.h"
#include <malloc.h>

enum { BLOCKS = 30000, LENGTH = 4000, KEPT = 50 };

/* Areas of memory for which huge pages are asked. */
static int thick_areas(void)
{
    char line[512];
    int count = 0;
    FILE *areas = fopen("/proc/self/smaps", "r");
    CHECK(areas != NULL);
    while (fgets(line, sizeof line, areas) != NULL)
        count += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL;
    fclose(areas);
    return count;
}

int main(void)
{
    static char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = hide(malloc(LENGTH));
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, LENGTH);
    }
    int has_huge = access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
    CHECK(!has_huge || thick_areas() > 0);

    for (int i = 0; i < BLOCKS; i++)
        if (i % KEPT != 0)
            free(blocks[i]);
    malloc_trim(0);

    CHECK_THAT(thick_areas(), ==, 0);
    return 0;
}
