/* What /proc says of this process, read without allocating. */
#ifndef HEAPMM_TESTS_PROC_H
#define HEAPMM_TESTS_PROC_H

#include "check.h"
#include <fcntl.h>

enum { PROC_TEXT = 256 << 10 };
static char proc_text[PROC_TEXT];

/* Reads a whole file into proc_text. */
static void proc_read(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    size_t held = 0;
    ssize_t got;
    while ((got = read(file, proc_text + held, PROC_TEXT - 1 - held)) > 0)
        held += (size_t)got;
    CHECK_THAT(held, <, PROC_TEXT - 1);
    proc_text[held] = 0;
    close(file);
}

/* A figure of /proc/self/status in bytes, such as VmRSS, or as it is, such as Threads. */
static long status_of(const char *key)
{
    proc_read("/proc/self/status");
    char *line = strstr(proc_text, key);
    CHECK(line != NULL);
    long value = strtol(line + strlen(key) + 1, &line, 10);
    return strncmp(line, " kB", 3) == 0 ? value * 1024 : value;
}

static long resident(void) { return status_of("VmRSS"); }

static int mappings(void)
{
    int count = 0;
    proc_read("/proc/self/maps");
    for (char *at = proc_text; (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

/* Memory that counts against the commit limit and is not one of the program's own stacks. */
struct commitment {
    long bytes, resident;
};

static struct commitment committed_outside(const char *from, const char *to)
{
    struct commitment sum = {0, 0};
    long size = 0, rss = 0;
    int outside = 0;
    proc_read("/proc/self/smaps");
    for (char *line = proc_text; *line != 0;) {
        char *end = strchr(line, '\n');
        unsigned long low, high;
        char may[5];
        *end = 0;
        if (sscanf(line, "%lx-%lx %4s", &low, &high, may) == 3) {
            outside = may[1] == 'w' && may[3] == 'p' && strstr(line, "[stack]") == NULL &&
                      (high <= (uintptr_t)from || low >= (uintptr_t)to);
            size = (long)(high - low);
            rss = 0;
        } else if (sscanf(line, "Rss: %ld kB", &rss) == 1) {
            rss *= 1024;
        } else if (strncmp(line, "VmFlags:", 8) == 0 && outside && strstr(line, " ac") != NULL) {
            sum.bytes += size;
            sum.resident += rss;
        }
        line = end + 1;
    }
    return sum;
}

#endif
