/* Story 6: a program whose libraries use up the spare static TLS. `story_static_tls FOLDER COUNT [LIBRARY]`.
 *
 * Opens FOLDER/hog0.so, hog1.so and so on, 64 bytes of static TLS each, until one does not fit or COUNT are open;
 * prints how many were opened. Then the library is opened, if one is named.
 */
#include "check.h"
#include <dlfcn.h>

int main(int argc, char **argv)
{
    CHECK(argc == 3 || argc == 4);
    int count = atoi(argv[2]), opened = 0;
    for (; opened < count; opened++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/hog%d.so", argv[1], opened);
        if (dlopen(path, RTLD_NOW) == NULL)
            break;
    }
    say(1, "%d\n", opened);
    if (argc == 4) {
        void *handle = dlopen(argv[3], RTLD_NOW);
        if (handle == NULL)
            say(2, "%s\n", dlerror());
        CHECK(handle != NULL);
        void *(*make)(size_t);
        *(void **)&make = dlsym(handle, "heapmm_malloc");
        CHECK(make != NULL && make(100) != NULL);
    }
    return 0;
}
