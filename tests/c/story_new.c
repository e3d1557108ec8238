/* A program in C that opens a plug-in in C++ and keeps its names to itself. */
#include "check.h"
#include <dlfcn.h>

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(dlsym(RTLD_DEFAULT, "_ZSt15get_new_handlerv") == NULL);
    void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        say(2, "%s\n", dlerror());
    CHECK(handle != NULL);

    int (*catches)(void);
    size_t (*joins)(size_t);
    *(void **)&catches = dlsym(handle, "plugin_catches");
    *(void **)&joins = dlsym(handle, "plugin_joins");
    CHECK_THAT(joins(1000), ==, 40000);
    CHECK_THAT(catches(), ==, 2);
    CHECK_THAT(joins(1000), ==, 40000);
    return 0;
}
