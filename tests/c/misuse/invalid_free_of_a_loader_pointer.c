/* The record that the dynamic loader keeps of the program is freed. */
#include "misuse.h"
#include <link.h>

int main(int argc, char **argv)
{
    char *record = (char *)_r_debug.r_map;
    CHECK(record != NULL && number(argc, argv) != 0);

    fault_is(record);
    free(record);

    return survived();
}
