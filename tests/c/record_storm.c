/* Threads whose signal handlers allocate at any moment, while the process is recorded. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

enum { PLACES = 400, THREADS = 6, ROUNDS = 40000 };

static __thread void *own[8];
static __thread unsigned drawn = 7;

/* The other signal may come at any moment of it: so who takes a block out has it alone. */
static void handler(int number) {
    (void)number;
    drawn = drawn * 1103515245 + 12345;
    void **place = &own[drawn >> 16 & 7];
    size_t len = 16 + (drawn >> 8 & 511);
    void *old = __atomic_exchange_n(place, NULL, __ATOMIC_RELAXED);
    if (drawn >> 20 & 1)
        old = realloc(old, len);
    else {
        free(old);
        old = malloc(len);
    }
    free(__atomic_exchange_n(place, old, __ATOMIC_RELAXED));
}

static void *churn(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    void *places[PLACES] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        void **place = &places[rand_r(&seed) % PLACES];
        size_t len = rand_r(&seed) % 3000 + 1;
        switch (rand_r(&seed) % 3) {
        case 0: free(*place); *place = malloc(rand_r(&seed) % 500 ? len : len * 100); break;
        case 1: *place = realloc(*place, len); break;
        default: free(*place); *place = aligned_alloc(64, (len + 63) / 64 * 64);
        }
    }
    for (int i = 0; i < PLACES; i++)
        free(places[i]);
    return NULL;
}

int main(void) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 300}, {0, 300}};
    pthread_t threads[THREADS];
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
