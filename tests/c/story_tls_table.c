/* The library of story 15 that has thread-local data of its own, so that the loader's tables grow with each copy. */
#include "check.h"

__thread char room[1000];

char *tls_room(void)
{
    memset(room, 1, sizeof room);
    return room;
}
