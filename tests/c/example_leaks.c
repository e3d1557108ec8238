/* A leak check on demand: what a request handler loses is found while the program runs.
 *
 *     cc example_leaks.c -lheapmm
 */
#include <heapmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    char text[200];
    struct answer *next;
};

static struct answer *volatile last;

/* Keeps every answer in a list, but for one in ten. A function of its own: in the frame of main the addresses would
 * still stand. */
#ifdef __GNUC__
__attribute__((noinline))
#endif
static void serve(int requests)
{
    for (int number = 0; number < requests; number++) {
        struct answer *answer = (struct answer *)calloc(1, sizeof *answer);
        if (answer == NULL)
            exit(1);
        snprintf(answer->text, sizeof answer->text, "answer %d", number);
        if (number % 10 != 5) {
            answer->next = last;
            last = answer;
        }
    }
}

int main(void)
{
    heapmm_leaks_t leaks;
    memset(&leaks, 0, sizeof leaks);
    leaks.size = sizeof leaks;

    serve(1000);

    if (heapmm_leak_check(&leaks) != 0)
        return 1;
    printf("lost: %zu blocks, still reachable: at least 900: %s\n", leaks.definite_blocks,
           leaks.reachable_blocks >= 900 ? "yes" : "no");
    heapmm_leak_table(1);
    return leaks.definite_blocks >= 99 && leaks.definite_blocks <= 100 ? 0 : 1;
}
