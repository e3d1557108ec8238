/* Story 5: the library is opened and closed again; it stays, and so do its blocks. `story_unload LIBRARY`. */
#include "check.h"
#include <dlfcn.h>

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 2);
    void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        say(2, "%s\n", dlerror());
    CHECK(handle != NULL);
    void *(*make)(size_t);
    void (*drop)(void *);
    *(void **)&make = dlsym(handle, "heapmm_malloc");
    *(void **)&drop = dlsym(handle, "heapmm_free");
    CHECK(make != NULL && drop != NULL);
    char *block = make(5000);
    CHECK(block != NULL);
    stamp(block, 5000, 1);

    for (int i = 0; i < 3; i++)
        CHECK(dlclose(handle) == 0 || i > 0);

    CHECK(is_stamped(block, 5000, 1));
    drop(block);
    block = make(100000);
    CHECK(block != NULL);
    stamp(block, 100000, 2);
    drop(block);
    CHECK(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL);
    return 0;
}
