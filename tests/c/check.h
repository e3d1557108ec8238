/* What the test programs share: CHECK, the table of named cases, and a few words that never allocate.
 *
 * A program is a set of cases. `program NAME` runs one of them, `program --list` prints the names.
 * A failed CHECK writes the line to stderr and ends the process with status 1.
 */
#ifndef HEAPMM_TESTS_CHECK_H
#define HEAPMM_TESTS_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The programs do on purpose what the compiler warns of. */
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef __cplusplus
#pragma GCC diagnostic ignored "-Wuse-after-free"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"
#pragma GCC diagnostic ignored "-Walloc-size-larger-than="
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wunused-result"
#endif

/* Writes one formatted line with write(2) only. */
__attribute__((format(printf, 2, 3))) static inline void say(int fd, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 1)
        length = sizeof line - 1;
    if (write(fd, line, (size_t)length) != length)
        _exit(3);
}

/* `_exit` and not `exit`: after a failure nothing of the heap is trusted. */
__attribute__((noreturn, noinline)) static void check_failed(const char *file, int line, const char *what, long long left,
                                                             long long right)
{
    say(2, "%s:%d: not true: %s (%lld, %lld; errno %d)\n", file, line, what, left, right, errno);
    _exit(1);
}

#define CHECK(what) ((what) ? (void)0 : check_failed(__FILE__, __LINE__, #what, 0, 0))

/* CHECK_THAT(a, <=, b) prints both sides when it fails. */
#define CHECK_THAT(left, order, right)                                                                    \
    do {                                                                                                   \
        long long left_ = (long long)(left), right_ = (long long)(right);                                  \
        if (!(left_ order right_))                                                                         \
            check_failed(__FILE__, __LINE__, #left " " #order " " #right, left_, right_);                  \
    } while (0)

/* Hides a pointer from the optimiser, which would otherwise drop a malloc that nobody reads. */
static inline void *hide(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

/* A small repeatable generator: the same numbers in every run. */
static inline uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* Frees the blocks in any order, which is that in which they stand afterwards. */
static void free_in_disorder(char **blocks, size_t count, uint32_t *state)
{
    for (size_t n = count; n-- > 1;) {
        size_t other = next_random(state) % (n + 1);
        char *block = blocks[n];
        blocks[n] = blocks[other];
        blocks[other] = block;
    }
    for (size_t n = 0; n < count; n++)
        free(blocks[n]);
}

/* Fills a block with bytes that depend on its seed: one value, and every 251st byte tells its place. */
#define RUN ((size_t)251)

static inline void stamp(void *block, size_t length, unsigned seed)
{
    unsigned char *bytes = (unsigned char *)block;
    memset(bytes, (int)(seed * 37 + 11) & 0xff, length);
    for (size_t at = 0; at < length; at += RUN)
        bytes[at] = (unsigned char)(seed + at / RUN);
}

/* Whether the bytes are still there. A run is plain if its first byte is and each equals the next. */
static inline int is_stamped(const void *block, size_t length, unsigned seed)
{
    const unsigned char *bytes = (const unsigned char *)block;
    for (size_t at = 0; at < length; at += RUN) {
        size_t plain = (length - at < RUN ? length - at : RUN) - 1;
        if (bytes[at] != (unsigned char)(seed + at / RUN))
            return 0;
        if (plain > 0 && (bytes[at + 1] != (unsigned char)(seed * 37 + 11) || memcmp(bytes + at + 1, bytes + at + 2, plain - 1) != 0))
            return 0;
    }
    return 1;
}

static inline int is_zero(const void *block, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)block;
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static inline double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A block in which no address ends with 32 zero bits: a half word of zero that is written over an old address, as the
 * start of the C library does on its stack, would lead there. */
static inline void *apart(size_t length)
{
    void *made = malloc(length);
    if ((uintptr_t)made >> 32 == ((uintptr_t)made + length) >> 32)
        return made;
    void *other = malloc(length);
    free(made);
    return other;
}

struct test_case {
    const char *name;
    void (*body)(void);
};

/* CASE(a_sentence) { body }: the linker gathers the table. */
#define CASE(title)                                                                                        \
    static void title(void);                                                                               \
    static const struct test_case case_##title __attribute__((section("cases"), used, aligned(8))) = {#title, title}; \
    static void title(void)

#ifdef __cplusplus
extern "C" {
#endif
extern const struct test_case __start_cases[] __attribute__((weak));
extern const struct test_case __stop_cases[] __attribute__((weak));
#ifdef __cplusplus
}
#endif

static inline int run_cases(int argc, char **argv)
{
    for (const struct test_case *one = __start_cases; one < __stop_cases; one++) {
        if (argc == 2 && strcmp(argv[1], "--list") == 0)
            say(1, "%s\n", one->name);
        if (argc == 2 && strcmp(argv[1], one->name) == 0) {
            one->body();
            return 0;
        }
    }
    return argc == 2 && strcmp(argv[1], "--list") == 0 ? 0 : 2;
}

#endif
