/* Story 13: a handler over the holder of the allocator's lock takes and gives 66 KB, 20,000 times. What it gives serves
 * it again: otherwise it would have 1.3 GB before the holder goes on. `story_over_holder`.
 */
#include "over_holder.h"
#include "proc.h"

enum { TURNS = 20000, HELD = 8, LENGTH = 66000, MOST = 4 << 20 };

static char *blocks[HELD];
static int turns;

static void on_signal(int signal)
{
    (void)signal;
    for (; turns < TURNS; turns++) {
        int at = turns % HELD;
        CHECK(blocks[at] == NULL || is_stamped(blocks[at], LENGTH, (unsigned)at));
        free(blocks[at]);
        blocks[at] = hide(turns % 3 == 0 ? calloc(1, LENGTH) : malloc(LENGTH));
        CHECK(blocks[at] != NULL);
        CHECK(turns % 3 != 0 || is_zero(blocks[at], LENGTH));
        stamp(blocks[at], LENGTH, (unsigned)at);
    }
}

int main(void)
{
    free(hide(malloc(100)));
    long before = status_of("VmHWM");
    over_holder(on_signal);
    CHECK_THAT(turns, ==, TURNS);
    CHECK_THAT(status_of("VmHWM") - before, <=, MOST);
    for (int at = 0; at < HELD; at++) {
        CHECK(is_stamped(blocks[at], LENGTH, (unsigned)at));
        free(blocks[at]);
    }
    return 0;
}
