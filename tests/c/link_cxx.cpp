// heapmm.h from C++: the header compiles, its names link, and new and delete use the same heap.
#include "check.h"
#include <heapmm.h>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

static int counts(void *, std::size_t, heapmm_kind_t kind, void *count)
{
    *static_cast<std::size_t *>(count) += kind == HEAPMM_USED || kind == HEAPMM_MAPPED;
    return 0;
}

static std::size_t blocks()
{
    std::size_t count = 0;
    CHECK(heapmm_walk(counts, &count) == 0);
    return count;
}

CASE(new_takes_its_blocks_from_the_heap)
{
    std::size_t before = blocks();
    auto one = std::make_unique<std::string>(1000, 'x');
    auto many = std::make_unique<double[]>(5000);

    CHECK_THAT(blocks(), ==, before + 3);

    one.reset();
    many.reset();
    CHECK_THAT(blocks(), ==, before);
}

CASE(a_new_that_fails_throws)
{
    bool caught = false;
    try {
        hide(operator new(PTRDIFF_MAX));
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
    CHECK(operator new(PTRDIFF_MAX, std::nothrow) == nullptr);
}

CASE(threads_and_containers_work)
{
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([] {
            std::vector<std::string> lines;
            for (int line = 0; line < 2000; line++)
                lines.emplace_back(static_cast<std::size_t>(line), 'y');
            for (int line = 0; line < 2000; line++)
                CHECK(lines[static_cast<std::size_t>(line)].size() == static_cast<std::size_t>(line));
        });
    for (auto &thread : threads)
        thread.join();
    CHECK_THAT(heapmm_check(), ==, 0);
    heapmm_stats_t now{};
    now.size = sizeof now;
    CHECK_THAT(heapmm_stats(&now), ==, 0);
    CHECK_THAT(now.footprint, >, 0);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
