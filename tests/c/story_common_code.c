/* What every process calls stands in the first 64 KiB of the library, with the tables that it reads; what a larger one needs
   stands in the next 16. The pages are closed, and each is opened by the first who comes: what the kernel maps beside a page
   that is touched depends on the kernel, and on how the file came to memory. */
#include "check.h"
#include <signal.h>
#include <sys/mman.h>

enum { COMMON = 64 << 10, LARGER = 80 << 10, PAGE = 4096, FEW = 40, BLOCKS = 90 };

static unsigned long from, to, farthest;
static volatile sig_atomic_t touched;

static void open_page(int signal, siginfo_t *info, void *context)
{
    unsigned long page = (unsigned long)info->si_addr & -(unsigned long)PAGE;
    (void)signal, (void)context;
    if (page < from || page >= to || mprotect((void *)page, PAGE, PROT_READ | PROT_EXEC) != 0)
        _exit(9);
    touched++;
    if (page - from > farthest)
        farthest = page - from;
}

int main(void)
{
    char line[512];
    struct sigaction action = {.sa_sigaction = open_page, .sa_flags = SA_SIGINFO};
    FILE *areas = fopen("/proc/self/maps", "r");
    CHECK(areas != NULL);
    while (from == 0 && fgets(line, sizeof line, areas) != NULL)
        if (strstr(line, "r-xp") != NULL && strstr(line, "/libheapmm.so") != NULL)
            CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2);
    fclose(areas);
    CHECK(from != 0);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(mprotect((void *)from, to - from, PROT_NONE) == 0);

    void *blocks[BLOCKS];
    for (size_t n = 0; n < FEW; n++) {
        blocks[n] = hide(malloc(n * n));
        free(hide(calloc(n, 20)));
    }
    for (size_t n = 0; n < FEW; n++)
        free(blocks[n]);
    unsigned long farthest_common = farthest;
    for (size_t n = 0; n < BLOCKS; n++) {
        blocks[n] = hide(malloc(n * n));
        if (n % 2 != 0)
            blocks[n] = hide(realloc(blocks[n], 2 * n * n + 1));
        free(hide(calloc(n, 20)));
    }
    for (size_t n = 0; n < BLOCKS; n++)
        free(blocks[n]);

    CHECK(mprotect((void *)from, to - from, PROT_READ | PROT_EXEC) == 0);
    CHECK_THAT(touched, >, 3);
    CHECK_THAT(farthest_common, <, COMMON);
    CHECK_THAT(farthest, <, LARGER);
    return 0;
}
