/* Story 7: allocation before any constructor of a library has run, and after exit has begun.
 *
 *   .preinit_array -> constructors -> main -> atexit -> destructors -> .fini_array
 *
 * Every stage allocates, resizes and frees, also blocks of the stages before it. The last stage prints "over".
 */
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>

enum { STAGES = 8 };

static char *kept[STAGES];
static int stages;

static void use_the_heap(void)
{
    for (size_t n = 1; n < 2000000; n = n * 5 + 3) {
        char *block = hide(calloc(n, 1));
        CHECK(block != NULL && is_zero(block, n));
        block = hide(realloc(block, n * 2));
        CHECK(block != NULL);
        free(block);
    }
    for (int i = 0; i < stages; i++) {
        CHECK(is_stamped(kept[i], 300, (unsigned)i));
        kept[i] = hide(realloc(kept[i], 300 + 100 * (size_t)stages));
        CHECK(is_stamped(kept[i], 300, (unsigned)i));
    }
    CHECK_THAT(stages, <, STAGES);
    kept[stages] = hide(malloc(300));
    CHECK(kept[stages] != NULL);
    stamp(kept[stages], 300, (unsigned)stages);
    stages++;
}

static void use_the_loader(void)
{
    char *copy = strdup("the C library allocates too");
    CHECK(copy != NULL);
    free(copy);
    CHECK(dlsym(RTLD_NEXT, "no_such_name_anywhere") == NULL && dlerror() != NULL);
    CHECK(dlsym(RTLD_DEFAULT, "malloc") != NULL);
}

static void before_all(void)
{
    use_the_heap();
    use_the_loader();
}
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = before_all;

static pthread_key_t key;
static void forget(void *block) { free(hide(realloc(block, 5000))); }

__attribute__((constructor(101))) static void early(void)
{
    use_the_heap();
    CHECK(pthread_key_create(&key, forget) == 0);
    CHECK(pthread_setspecific(key, hide(malloc(50))) == 0);
}

__attribute__((constructor)) static void later(void) { use_the_heap(); }
static void at_exit(void) { use_the_heap(); }

__attribute__((destructor)) static void late(void)
{
    use_the_heap();
    use_the_loader();
}

__attribute__((destructor(101))) static void last(void)
{
    use_the_heap();
    CHECK_THAT(stages, ==, 7);
    for (int i = 0; i < stages; i++)
        free(kept[i]);
    say(1, "over\n");
}

int main(void)
{
    CHECK(atexit(at_exit) == 0);
    use_the_heap();
    return 0;
}
