// Story 7: thread-local objects whose constructors and destructors allocate, in threads that end by themselves, that
// are cancelled, and that still run when the program ends.
#include "check.h"
#include <map>
#include <string>
#include <thread>
#include <vector>

struct Diary {
    std::map<int, std::string> pages;
    Diary()
    {
        for (int i = 0; i < 50; i++)
            pages[i] = std::string(static_cast<std::size_t>(i) * 20, 'x');
    }
    ~Diary()
    {
        std::string last;
        for (auto &page : pages) {
            CHECK_THAT(page.second.size(), ==, page.first * 20);
            last += page.second;
        }
        CHECK_THAT(last.size(), ==, 49 * 50 / 2 * 20);
    }
};

static thread_local Diary diary;

static void writes()
{
    diary.pages[100] = "";
    diary.pages.erase(100);
}

static void *waits(void *)
{
    writes();
    for (;;)
        pause();
    return nullptr;
}

int main()
{
    for (int round = 0; round < 20; round++) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 6; i++)
            threads.emplace_back(writes);
        for (auto &thread : threads)
            thread.join();
    }
    pthread_t cancelled, forgotten;
    CHECK(pthread_create(&cancelled, nullptr, waits, nullptr) == 0);
    CHECK(pthread_create(&forgotten, nullptr, waits, nullptr) == 0);
    CHECK(pthread_cancel(cancelled) == 0);
    CHECK(pthread_join(cancelled, nullptr) == 0);
    writes();
    return 0;
}
