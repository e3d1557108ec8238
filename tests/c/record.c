/* Programs whose calls are known: what they print is what a trace has to hold.
 *
 * `record CASE` does its calls, then prints a line for each: thread, function, alignment, length, address, and the
 * address after a realloc. Function numbers are those of the trace. What libc itself allocates comes before and after.
 */
#include "check.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { ALLOCATE = 1, ZEROED, ALIGNED, RESIZE, FREE, FREE_NULL, THREADS = 4, MOST = 60000 };

struct call {
    long thread;
    int kind;
    size_t align, len;
    void *address, *moved;
};

struct log {
    struct call calls[MOST];
    int count;
};

static struct log logs[THREADS + 2];
static __thread struct log *log_;

static void note(int kind, size_t align, size_t len, void *address, void *moved)
{
    CHECK_THAT(log_->count, <, MOST);
    log_->calls[log_->count++] = (struct call){syscall(SYS_gettid), kind, align, len, address, moved};
}

static void *get(size_t len)
{
    void *p = malloc(len);
    CHECK(p != NULL);
    note(ALLOCATE, 1, len, p, p);
    return p;
}

static void *zeroed(size_t count, size_t len)
{
    void *p = calloc(count, len);
    CHECK(p != NULL);
    note(ZEROED, 1, count * len, p, p);
    return p;
}

static void *aligned(size_t align, size_t len)
{
    void *p = NULL;
    CHECK(posix_memalign(&p, align, len) == 0);
    note(ALIGNED, align, len, p, p);
    return p;
}

static void *resize(void *p, size_t len)
{
    uintptr_t before = (uintptr_t)p;
    void *q = realloc(p, len);
    if (before == 0)
        note(ALLOCATE, 1, len, q, q);
    else if (len == 0)
        note(FREE, 1, 0, (void *)before, (void *)before);
    else
        note(RESIZE, 1, len, (void *)before, q);
    return q;
}

static void give(void *p)
{
    note(p != NULL ? FREE : FREE_NULL, 1, 0, p, p);
    free(p);
}

static void print_logs(int fd)
{
    for (struct log *log = logs; log < logs + THREADS + 2; log++)
        for (struct call *c = log->calls; c < log->calls + log->count; c++)
            say(fd, "%ld %d %zu %zu %zu %zu\n", c->thread, c->kind, c->align, c->len, (size_t)c->address, (size_t)c->moved);
}

/* Each function of the family, with small, middling and large blocks, in place and moved. */
static void every_function(void)
{
    size_t lens[] = {0, 1, 24, 100, 1000, 1024, 1025, 5000, 70000, 300000, 3 << 20};
    for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
        void *a = get(lens[i]), *b = zeroed(3, lens[i]), *c = resize(NULL, lens[i] + 1), *d = get(lens[i]);
        a = resize(a, lens[i] + 1);
        a = resize(a, lens[i] * 3 + 17);
        a = resize(a, lens[i] * 3 + 16);
        a = resize(a, lens[i] / 2 + 1);
        give(NULL);
        give(b);
        c = resize(c, lens[i] * 20 + 1);
        resize(c, 0);
        give(d);
        give(a);
    }
    for (size_t align = 8; align <= 1 << 20; align *= 2)
        give(aligned(align, align * 2 + 7));
    void *kept[] = {memalign(64, 100), aligned_alloc(32, 320), valloc(5), pvalloc(5), reallocarray(NULL, 3, 30)};
    size_t aligns[] = {64, 32, 4096, 4096, 1}, wanted[] = {100, 320, 5, 4096, 90};
    for (int i = 0; i < 5; i++)
        note(i == 4 ? ALLOCATE : ALIGNED, aligns[i], wanted[i], kept[i], kept[i]);
    for (int i = 0; i < 5; i++)
        give(kept[i]);
    /* Refused: no event. */
    CHECK(malloc((size_t)-1) == NULL && calloc((size_t)-1, 2) == NULL);
}

static void churn(unsigned seed, int rounds)
{
    void *blocks[64] = {0};
    uint32_t state = seed;
    for (int i = 0; i < rounds; i++) {
        unsigned slot = next_random(&state) % 64;
        size_t len = next_random(&state) % ((size_t)64 << next_random(&state) % 12);
        switch (next_random(&state) % 4) {
        case 0: blocks[slot] = resize(blocks[slot], len + 1); break;
        default: give(blocks[slot]); blocks[slot] = next_random(&state) % 3 ? get(len) : zeroed(1, len);
        }
    }
    for (int i = 0; i < 64; i++)
        give(blocks[i]);
}

static void *works(void *number)
{
    log_ = &logs[1 + (uintptr_t)number];
    churn((unsigned)(uintptr_t)number + 1, 10000);
    return NULL;
}

static void threads(void)
{
    pthread_t all[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&all[i], NULL, works, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
}

static volatile int ticks;

static void on_tick(int signal)
{
    static void *kept[16];
    static int at;
    (void)signal;
    struct log *before = log_;
    int error = errno;
    log_ = &logs[THREADS + 1];
    for (int i = 0; i < 3; i++, at = (at + 1) % 16) {
        give(kept[at]);
        kept[at] = get(33 + 512 * (size_t)at);
    }
    kept[at] = resize(kept[at], 777);
    log_ = before;
    errno = error;
    ticks++;
}

static void handler(void)
{
    struct itimerval often = {{0, 150}, {0, 150}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (unsigned seed = 1; ticks < 500 && logs[0].count < MOST - 6000; seed++)
        churn(seed, 1000);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

/* The child prints its own calls on descriptor 3, and what it inherited as calls of its own come first. */
static void forks(int raw)
{
    void *kept = get(4321);
    pid_t child = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
    if (child == 0) {
        log_->count = 0;
        give(kept);
        churn(77, 3000);
        print_logs(3);
        _exit(0);
    }
    churn(5, 3000);
    give(kept);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_THAT(status, ==, 0);
}

/* Closes everything, takes all numbers up to 600 for a file of its own, and goes on. */
static void closes(void)
{
    int out = dup(1), mine = open("mine", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(out >= 0 && mine >= 0);
    for (int fd = 0; fd < 1024; fd++)
        if (fd != mine && fd != out)
            dup2(mine, fd);
    churn(9, 20000);
    CHECK(lseek(mine, 0, SEEK_END) == 0);
    dup2(out, 1);
}

/* The trace may not grow, and SIGXFSZ kills. */
static void limited(void)
{
    struct rlimit limit = {100000, 100000};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    churn(9, 20000);
    logs[0].count = 0;
}

/* Only what an allocator needs is allowed; writev is refused. */
static void filtered(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_writev, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    churn(9, 20000);
    logs[0].count = 0;
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, >=, 2);
    log_ = &logs[0];
    const char *name = argv[1];
    if (strcmp(name, "functions") == 0)
        every_function();
    else if (strcmp(name, "churn") == 0)
        churn(3, 30000);
    else if (strcmp(name, "threads") == 0)
        threads();
    else if (strcmp(name, "handler") == 0)
        handler();
    else if (strcmp(name, "fork") == 0)
        forks(0);
    else if (strcmp(name, "clone") == 0)
        forks(1);
    else if (strcmp(name, "closes") == 0)
        closes();
    else if (strcmp(name, "limited") == 0)
        limited();
    else if (strcmp(name, "filtered") == 0)
        filtered();
    else
        return 2;
    print_logs(1);
    if (argc > 2)
        kill(getpid(), SIGKILL);
    _exit(0);
}
