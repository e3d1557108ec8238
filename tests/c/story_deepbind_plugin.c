/* The plug-in of story 1: makes and drops blocks with the malloc that it was bound to. */
#include "check.h"
#include <dlfcn.h>

void *plugin_address_of_malloc(void) { return (void *)malloc; }
void plugin_drop(char *block) { free(block); }
void *plugin_open_inner(const char *name) { return dlopen(name, RTLD_NOW | RTLD_DEEPBIND); }

char *plugin_make(size_t length)
{
    char *block = hide(malloc(length));
    memset(block, 2, length);
    return block;
}
