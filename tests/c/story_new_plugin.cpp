// A plug-in in C++ whose libraries the program does not see: what fails is caught here.
#include "check.h"
#include <new>
#include <string>

static int calls;

static void gives_up_at_the_third_call()
{
    if (++calls == 3)
        std::set_new_handler(nullptr);
}

extern "C" int plugin_catches()
{
    int caught = 0;
    std::set_new_handler(gives_up_at_the_third_call);
    try {
        hide(operator new(PTRDIFF_MAX - 64));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    try {
        hide(operator new[](PTRDIFF_MAX - 64, std::align_val_t{4096}));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK(hide(operator new(PTRDIFF_MAX - 64, std::nothrow)) == nullptr);
    CHECK_THAT(calls, ==, 3);
    return caught;
}

extern "C" std::size_t plugin_joins(std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; i++)
        text += std::string(40, 'x');
    return text.size();
}
