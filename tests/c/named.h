/* What the tests of heaps, pools and families share. */
#ifndef HEAPMM_TESTS_NAMED_H
#define HEAPMM_TESTS_NAMED_H

#include "check.h"
#include <fcntl.h>
#include <heapmm.h>
#include <pthread.h>
#include <sys/wait.h>

/* Every policy that `heapmm policies` lists; the suite compares. */
static const char *const POLICIES[] = {
    "fast",          "segregated-best", "segregated-first", "implicit-first",  "implicit-next",  "implicit-best", "implicit-worst",
    "lifo-first",    "lifo-best",       "lifo-worst",       "address-first",   "address-next",   "address-best",  "address-worst",
    "freelist",      "families",        "buddy-binary",     "buddy-fibonacci", "buddy-weighted", "buddy-tertiary", "slab",
};
enum { POLICY_COUNT = sizeof POLICIES / sizeof *POLICIES, TAGGED = 14 };

/* Bytes of address space of this process: what was given back is missing there. */
static inline size_t mapped_bytes(void)
{
    char text[64];
    int file = open("/proc/self/statm", O_RDONLY);
    ssize_t length = read(file, text, sizeof text - 1);
    CHECK_THAT(length, >, 0);
    close(file);
    text[length] = 0;
    return strtoul(text, NULL, 10) * 4096;
}

/* What `write_to` writes to a descriptor, as a string; the next call writes over it. */
static inline char *text_of(int (*write_to)(int fd))
{
    static char text[1 << 18];
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK_THAT(write_to(fileno(file)), ==, 0);
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    return text;
}

/* The line of `text` that begins with `start` and a blank. */
static inline const char *line_of(const char *text, const char *start)
{
    size_t length = strlen(start);
    for (const char *line = text; line != NULL && *line != 0; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, start, length) == 0 && line[length] == ' ')
            return line;
    return NULL;
}

enum { THREADS = 4, FORKS = 15 };

/* Runs `work` in some threads, and forks all the while; each child has to get through `child`. */
static inline void beside_threads(void *(*work)(void *), void *argument, void (*child)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_THAT(pthread_create(&threads[i], NULL, work, argument), ==, 0);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t pid = fork();
        CHECK_THAT(pid, >=, 0);
        if (pid == 0) {
            alarm(20);
            child(argument);
            _exit(0);
        }
        CHECK_THAT(waitpid(pid, &status, 0), ==, pid);
        CHECK_THAT(status, ==, 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_THAT(pthread_join(threads[i], NULL), ==, 0);
}

#endif
