/* Story 14 and the faults of section 4: one call of the kernel fails, or every one from then on.
 *
 *   story_faults CALLS    for each error and each N: the N-th of these calls fails once, or all from the N-th fail
 *
 * CALLS is the sum of CALL_BRK and so on. Each plan runs in a child: operations under the plan, then without it.
 * NULL is right only where memory is missing, always with ENOMEM; what is live stays intact; calloc is zero;
 * free keeps errno; afterwards everything is served again. The output is the number of plans, and of those under which a call was refused.
 */
#include "fault.h"
#include "shadow.h"
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { SLOTS = 60, STEPS = 1200, AFTERWARDS = 200 };

/* Without brk there is mmap, without mmap there is brk; the rest only gives memory back or moves it. */
static int may_fail(int calls) { return (calls & (CALL_BRK | CALL_MMAP)) == (CALL_BRK | CALL_MMAP); }

static size_t some_length(uint32_t *state)
{
    size_t limit = (size_t)16 << next_random(state) % (next_random(state) % 8 == 0 ? 17 : 13);
    return next_random(state) % limit;
}

static void check_answer(const void *block, int once, int refused_before, int null_is_possible)
{
    if (block != NULL)
        return;
    CHECK_THAT(errno, ==, ENOMEM);
    CHECK(null_is_possible);
    CHECK(once ? fault_refusals > refused_before : fault_refusals > 0);
}

static void allocate_one(uint32_t *state, int once, int null_is_possible)
{
    size_t n = some_length(state);
    int refused = fault_refusals;
    char *block = NULL;
    errno = 0;
    switch (next_random(state) % 4) {
    case 0:
        block = hide(calloc(1, n));
        CHECK(block == NULL || is_zero(block, n));
        break;
    case 1:
        block = hide(memalign((size_t)16 << next_random(state) % 10, n));
        break;
    default:
        block = hide(malloc(n));
    }
    check_answer(block, once, refused, null_is_possible);
    shadow_take(block, n);
}

static void resize_one(uint32_t *state, int once, int null_is_possible)
{
    int index = (int)(next_random(state) % (unsigned)shadowed), refused = fault_refusals;
    struct shadowed old = shadow[index];
    size_t n = some_length(state) + 1, common = old.length < n ? old.length : n;
    shadow_check(&old);
    errno = 0;
    char *block = hide(realloc(old.start, n));
    check_answer(block, once, refused, null_is_possible);
    if (block == NULL) {
        shadow_check(&shadow[index]);
        return;
    }
    CHECK(is_stamped(block, common, old.seed));
    shadow[index] = shadow[--shadowed];
    shadow_take(block, n);
}

static void free_one(uint32_t *state)
{
    char *block = shadow_drop((int)(next_random(state) % (unsigned)shadowed));
    errno = 4711;
    free(block);
    CHECK_THAT(errno, ==, 4711);
}

static void operate(int steps, uint32_t *state, int once, int null_is_possible)
{
    for (int step = 0; step < steps; step++) {
        unsigned what = next_random(state) % 8;
        if (shadowed > 0 && (what == 0 || shadowed > SLOTS))
            free_one(state);
        else if (shadowed > 0 && what <= 2)
            resize_one(state, once, null_is_possible);
        else if (what == 3 && step % 40 == 0)
            malloc_trim(0);
        else
            allocate_one(state, once, null_is_possible);
    }
    shadow_check_all();
}

static void live(int calls, int error, int nth, int once)
{
    uint32_t state = 4242 + (uint32_t)nth;
    fault_install();
    operate(30, &state, once, 0);
    fault_plan(calls, error, nth, once ? nth : INT32_MAX);
    operate(STEPS, &state, once, may_fail(calls));
    fault_none();
    operate(AFTERWARDS, &state, once, 0);
    while (shadowed > 0)
        free_one(&state);
}

int main(int argc, char **argv)
{
    static const int errors[] = {EPERM, ENOMEM, EACCES, EINVAL, ENOSYS};
    static const int numbers[] = {1, 2, 3, 5, 8, 13, 21, 34};
    CHECK_THAT(argc, ==, 2);
    int calls = atoi(argv[1]), plans = 0, status;
    int *effective = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(effective != MAP_FAILED);
    for (int e = 0; e < 5; e++)
        for (int n = 0; n < 8; n++)
            for (int once = 0; once < 2; once++, plans++) {
                pid_t child = fork();
                if (child == 0) {
                    alarm(20);
                    live(calls, errors[e], numbers[n], once);
                    *effective += fault_refusals > 0;
                    _exit(0);
                }
                CHECK(waitpid(child, &status, 0) == child);
                if (status != 0)
                    say(2, "calls %d, errno %d, %s call %d: wait status %#x\n", calls, errors[e], once ? "only" : "from", numbers[n], status);
                CHECK_THAT(status, ==, 0);
            }
    say(1, "%d %d\n", plans, *effective);
    return 0;
}
