/* Every way to get a block and every way to give it back, as two tables. */
#ifndef HEAPMM_TESTS_MAKERS_H
#define HEAPMM_TESTS_MAKERS_H

#include "check.h"
#include <malloc.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void *__libc_valloc(size_t);
extern void *__libc_pvalloc(size_t);
extern void __libc_free(void *);

/* glibc 2.36 has no such names to link with; a program under heapmm finds them. */
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));
extern void cfree(void *) __attribute__((weak));

static void *by_malloc(size_t n) { return malloc(n); }
static void *by_calloc_of_one(size_t n) { return calloc(1, n); }
static void *by_calloc_of_bytes(size_t n) { return calloc(n, 1); }
static void *by_realloc(size_t n) { return realloc(NULL, n); }
static void *by_reallocarray(size_t n) { return reallocarray(NULL, n, 1); }
static void *by_reallocarray_of_one(size_t n) { return reallocarray(NULL, 1, n); }
static void *by_aligned_alloc(size_t n) { return aligned_alloc(16, n); }
static void *by_memalign(size_t n) { return memalign(64, n); }
static void *by_valloc(size_t n) { return valloc(n); }
static void *by_pvalloc(size_t n) { return pvalloc(n); }
static void *by_libc_malloc(size_t n) { return __libc_malloc(n); }
static void *by_libc_calloc(size_t n) { return __libc_calloc(1, n); }
static void *by_libc_realloc(size_t n) { return __libc_realloc(NULL, n); }
static void *by_libc_memalign(size_t n) { return __libc_memalign(128, n); }
static void *by_libc_valloc(size_t n) { return __libc_valloc(n); }
static void *by_libc_pvalloc(size_t n) { return __libc_pvalloc(n); }

/* posix_memalign tells its error by its value; the table wants errno. */
static void *by_posix_memalign(size_t n)
{
    void *block = NULL;
    int error = posix_memalign(&block, 32, n);
    if (error != 0)
        errno = error;
    return block;
}

struct maker {
    const char *name;
    void *(*make)(size_t);
    int zeroed;
};

static const struct maker makers[] = {
    {"malloc", by_malloc, 0},
    {"calloc(1, n)", by_calloc_of_one, 1},
    {"calloc(n, 1)", by_calloc_of_bytes, 1},
    {"realloc", by_realloc, 0},
    {"reallocarray(n, 1)", by_reallocarray, 0},
    {"reallocarray(1, n)", by_reallocarray_of_one, 0},
    {"posix_memalign", by_posix_memalign, 0},
    {"aligned_alloc", by_aligned_alloc, 0},
    {"memalign", by_memalign, 0},
    {"valloc", by_valloc, 0},
    {"pvalloc", by_pvalloc, 0},
    {"__libc_malloc", by_libc_malloc, 0},
    {"__libc_calloc", by_libc_calloc, 1},
    {"__libc_realloc", by_libc_realloc, 0},
    {"__libc_memalign", by_libc_memalign, 0},
    {"__libc_valloc", by_libc_valloc, 0},
    {"__libc_pvalloc", by_libc_pvalloc, 0},
};
enum { MAKERS = sizeof makers / sizeof makers[0] };

static void to_free(void *p, size_t n) { (void)n; free(p); }
static void to_libc_free(void *p, size_t n) { (void)n; __libc_free(p); }
static void to_realloc(void *p, size_t n) { (void)n; CHECK(realloc(p, 0) == NULL); }
static void to_libc_realloc(void *p, size_t n) { (void)n; CHECK(__libc_realloc(p, 0) == NULL); }
static void to_reallocarray(void *p, size_t n) { (void)n; CHECK(reallocarray(p, 0, 8) == NULL); }
static void to_cfree(void *p, size_t n) { (void)n; cfree(p); }
static void to_free_sized(void *p, size_t n) { free_sized(p, n); }
static void to_free_aligned_sized(void *p, size_t n) { free_aligned_sized(p, 16, n); }

struct breaker {
    const char *name;
    void (*give_back)(void *, size_t);
};

static const struct breaker breakers[] = {
    {"free", to_free},
    {"__libc_free", to_libc_free},
    {"realloc(p, 0)", to_realloc},
    {"__libc_realloc(p, 0)", to_libc_realloc},
    {"reallocarray(p, 0, n)", to_reallocarray},
    {"cfree", to_cfree},
    {"free_sized", to_free_sized},
    {"free_aligned_sized", to_free_aligned_sized},
};
enum { BREAKERS = sizeof breakers / sizeof breakers[0] };

/* One size of every kind that an allocator may treat on its own, up to blocks with a mapping of their own. */
static const size_t sizes[] = {0, 1, 8, 24, 100, 513, 1024, 4096, 5000, 33000, 70000, 140000, 300000, 3 << 20, 40 << 20};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* CHECK with the name of the function under test. */
#define CHECK_OF(who, what) ((what) ? (void)0 : (say(2, "%s: ", who), check_failed(__FILE__, __LINE__, #what, 0, 0)))

#endif
