/* `leaks_planted HOW` loses blocks, ends in the way that is named, and has said before what it lost:
 * "definite BYTES BLOCKS indirect BYTES BLOCKS". */
#include "check.h"
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct node {
    struct node *next;
    char rest[72];
};

static size_t definite[2], indirect[2];
static void *volatile kept;

static void *block(size_t length, size_t *sums)
{
    void *made = hide(apart(length));
    memset(made, 0, malloc_usable_size(made));
    if (sums != NULL) {
        sums[0] += malloc_usable_size(made);
        sums[1]++;
    }
    return made;
}

__attribute__((noinline)) static void plant(void)
{
    for (size_t length = 1; length < 3000; length += 37)
        hide(block(length, definite));
    hide(block(3 << 20, definite));
    struct node *head = block(sizeof *head, definite);
    for (int n = 0; n < 500; n++) {
        struct node *node = block(sizeof *node, indirect);
        node->next = head->next;
        head->next = node;
    }
    kept = block(5000, NULL);
    *(void **)kept = block(2 << 20, NULL);
}

__attribute__((noinline)) static void scrub(void)
{
    volatile char left[16384];
    memset((void *)left, 0, sizeof left);
}

static void *sleep_on(void *argument)
{
    void *volatile held = block(600, NULL);
    pause();
    return held == NULL ? NULL : argument;
}

/* Streams that the exit has to flush take what was printed. */
__attribute__((noinline)) static void tell(void)
{
    printf("definite %zu %zu indirect %zu %zu\n", definite[0], definite[1], indirect[0], indirect[1]);
}

__attribute__((noinline)) static void end(const char *how)
{
    if (strcmp(how, "exit") == 0)
        exit(7);
    if (strcmp(how, "_exit") == 0) {
        fflush(stdout);
        _exit(7);
    }
    if (strcmp(how, "closed") == 0) {
        fclose(stdout);
        fclose(stderr);
    }
    if (strcmp(how, "tight") == 0) {
        struct rlimit limit;
        getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = 4096;
        setrlimit(RLIMIT_AS, &limit);
    }
    if (strcmp(how, "threads") == 0) {
        pthread_t threads[4];
        for (int n = 0; n < 4; n++)
            pthread_create(&threads[n], NULL, sleep_on, NULL);
        usleep(20000);
    }
    if (strcmp(how, "fork") == 0) {
        fflush(stdout);
        if (fork() != 0) {
            wait(NULL);
            _exit(7);
        }
        plant();
    }
}

int main(int argc, char **argv)
{
    plant();
    scrub();
    tell();
    scrub();
    end(argc > 1 ? argv[1] : "return");
    scrub();
    return 7;
}
