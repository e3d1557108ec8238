/* Story 1: a program that opens plug-ins with RTLD_DEEPBIND, and plug-ins that open plug-ins.
 *
 * The plug-ins are found through the run path of the caller alone: that of the program leads to `plugins`, that of
 * the plug-in to `inner`. Blocks cross the border in both directions.
 */
#include "check.h"
#include <dlfcn.h>

struct plugin {
    void *(*address_of_malloc)(void);
    char *(*make)(size_t);
    void (*drop)(char *);
    void *(*open_inner)(const char *);
};

static struct plugin names_in(void *handle)
{
    struct plugin found;
    CHECK(handle != NULL);
    *(void **)&found.address_of_malloc = dlsym(handle, "plugin_address_of_malloc");
    *(void **)&found.make = dlsym(handle, "plugin_make");
    *(void **)&found.drop = dlsym(handle, "plugin_drop");
    *(void **)&found.open_inner = dlsym(handle, "plugin_open_inner");
    CHECK(found.address_of_malloc != NULL && found.make != NULL && found.drop != NULL && found.open_inner != NULL);
    return found;
}

static void exchange(const struct plugin *plugin)
{
    CHECK(plugin->address_of_malloc() == dlsym(RTLD_DEFAULT, "malloc"));
    for (size_t n = 1; n < 3000000; n = n * 3 + 1) {
        char *theirs = plugin->make(n), *ours = hide(malloc(n)), *text = strdup("a line of libc's");
        CHECK(theirs != NULL && ours != NULL && text != NULL);
        memset(ours, 1, n);
        theirs = hide(realloc(theirs, n + 100));
        free(theirs);
        plugin->drop(ours);
        plugin->drop(text);
    }
}

int main(void)
{
    void *handle = dlopen("libouter.so", RTLD_NOW | RTLD_DEEPBIND);
    if (handle == NULL)
        say(2, "%s\n", dlerror());
    struct plugin outer = names_in(handle);
    exchange(&outer);

    void *inner_handle = outer.open_inner("libinner.so");
    struct plugin inner = names_in(inner_handle);
    exchange(&inner);

    CHECK(dlopen("libouter.so", RTLD_NOW | RTLD_NOLOAD | RTLD_DEEPBIND) == handle);
    CHECK(dlopen("no-such-library.so", RTLD_NOW | RTLD_DEEPBIND) == NULL);
    CHECK(strstr(dlerror(), "no-such-library.so") != NULL);
    CHECK(dlopen(NULL, RTLD_NOW) != NULL);
    CHECK(dlclose(inner_handle) == 0);
    CHECK(dlclose(handle) == 0);
    return 0;
}
