/* What every process calls stands in the first 64 KiB of the library's code: a small one maps no more of it. */
#include "check.h"
#include <fcntl.h>

enum { COMMON = 64 << 10, PAGE = 4096 };

int main(void)
{
    char line[512];
    unsigned long from = 0, to = 0;
    free(hide(malloc(100)));
    free(hide(calloc(10, 100)));
    FILE *areas = fopen("/proc/self/maps", "r");
    CHECK(areas != NULL);
    while (from == 0 && fgets(line, sizeof line, areas) != NULL)
        if (strstr(line, "r-xp") != NULL && strstr(line, "/libheapmm.so") != NULL)
            CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2);
    fclose(areas);
    CHECK(from != 0);

    int pages = open("/proc/self/pagemap", O_RDONLY);
    for (unsigned long at = from; at < to; at += PAGE) {
        uint64_t entry = 0;
        CHECK(pread(pages, &entry, sizeof entry, (off_t)(at / PAGE * sizeof entry)) == sizeof entry);
        int is_there = entry >> 63;
        CHECK_THAT(is_there ? at - from : 0, <, COMMON);
    }
    close(pages);
    return 0;
}
