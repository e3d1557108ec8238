// The resident memory of this process, read without touching the heap.
#ifndef RESIDENT_H
#define RESIDENT_H

#include "load.h"
#include <fcntl.h>
#include <unistd.h>

// Bytes, exact: the kernel walks the page tables for this file.
static inline double resident(void) {
    char text[2048];
    int file = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (got > 0) {
        text[got] = 0;
        char *at = strstr(text, "Rss:");
        if (at != NULL) return strtod(at + 4, NULL) * 1024;
    }
    fputs("load: the resident size cannot be read\n", stderr);
    exit(3);
}

#endif
