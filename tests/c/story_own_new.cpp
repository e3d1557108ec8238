// A program with operators new and delete of its own, which stand before what malloc gave them: they are called, and no
// other.
#include "check.h"
#include <map>
#include <new>
#include <string>
#include <vector>

static const std::size_t FRONT = 64;
static std::size_t made, dropped;

void *operator new(std::size_t length)
{
    made++;
    void *block = std::malloc(FRONT + length);
    if (block == nullptr)
        throw std::bad_alloc();
    return static_cast<char *>(block) + FRONT;
}

void operator delete(void *block) noexcept
{
    if (block == nullptr)
        return;
    dropped++;
    std::free(static_cast<char *>(block) - FRONT);
}

void operator delete(void *block, std::size_t) noexcept { operator delete(block); }

int main()
{
    {
        std::map<int, std::vector<std::string>> lines;
        for (int i = 0; i < 20000; i++)
            lines[i % 700].push_back(std::string(static_cast<std::size_t>(i % 90), 'x'));
        for (int i = 0; i < 350; i++)
            lines.erase(2 * i);
        // Those that the library of C++ makes from the first.
        operator delete[](hide(operator new[](30)));
        operator delete(hide(operator new(30, std::nothrow)), std::nothrow);
        CHECK_THAT(made, >, 20000u);
    }
    CHECK_THAT(dropped, ==, made);
    return 0;
}
