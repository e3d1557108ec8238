/* A signal handler over the holder of the allocator's lock: the visitor of a walk raises the signal. */
#ifndef HEAPMM_TESTS_OVER_HOLDER_H
#define HEAPMM_TESTS_OVER_HOLDER_H

#include "check.h"
#include "heapmm.h"
#include <signal.h>

/* The library that is preloaded has it. */
#pragma weak heapmm_walk

static int raises(void *payload, size_t length, heapmm_kind_t kind, void *none)
{
    (void)payload, (void)length, (void)kind, (void)none;
    CHECK(raise(SIGUSR1) == 0);
    return 1;
}

static void over_holder(void (*handler)(int))
{
    CHECK(signal(SIGUSR1, handler) != SIG_ERR);
    CHECK_THAT(heapmm_walk(raises, NULL), ==, 1);
}

#endif
