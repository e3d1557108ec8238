/* Story 15: the loader keeps tables that it made before there was any malloc, and resizes and frees them later with
 * ours. `story_loader_tables FOLDER COUNT`: threads come and go while copies of a library with thread-local data, named
 * FOLDER/table0.so and so on, are opened and closed. */
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>

enum { MOST = 64 };

static void *handles[MOST];
static int opened;

static void touch(void)
{
    for (int i = 0; i < opened; i++) {
        char *(*room)(void);
        *(void **)&room = dlsym(handles[i], "tls_room");
        CHECK(room != NULL && room()[999] == 1);
    }
}

static void *touches(void *unused)
{
    touch();
    return unused;
}

static void touch_everywhere(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, touches, NULL) == 0);
    touch();
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv)
{
    CHECK_THAT(argc, ==, 3);
    int count = atoi(argv[2]);
    CHECK_THAT(count, <=, MOST);
    for (int round = 0; round < 3; round++) {
        for (opened = 0; opened < count; opened++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/table%d.so", argv[1], opened);
            handles[opened] = dlopen(path, RTLD_NOW);
            CHECK(handles[opened] != NULL);
            if (opened % 8 == 0)
                touch_everywhere();
        }
        touch_everywhere();
        while (opened > 0)
            CHECK(dlclose(handles[--opened]) == 0);
    }
    return 0;
}
