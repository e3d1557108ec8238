/* A number that is no address of anything is freed. */
#include "misuse.h"

int main(int argc, char **argv)
{
    char *number_as_pointer = (char *)number(argc, argv);

    fault_is(number_as_pointer);
    free(hide(number_as_pointer));

    return survived();
}
