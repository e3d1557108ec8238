// Operator new: the new-handler loop, bad_alloc, the forms that return null, alignment. It never aborts.
#include "check.h"
#include <new>
#include <sys/resource.h>
#include <vector>

static const std::size_t HUGE_SIZE = static_cast<std::size_t>(PTRDIFF_MAX) - 64;

static int calls;
static void *reserve;

CASE(a_new_that_fails_throws_bad_alloc)
{
    int caught = 0;
    for (int i = 0; i < 3; i++)
        try {
            hide(operator new(HUGE_SIZE));
        } catch (const std::bad_alloc &) {
            caught++;
        }
    try {
        hide(operator new[](HUGE_SIZE));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    CHECK_THAT(caught, ==, 4);
}

CASE(a_nothrow_new_that_fails_returns_null)
{
    CHECK(hide(operator new(HUGE_SIZE, std::nothrow)) == nullptr);
    CHECK(hide(operator new[](HUGE_SIZE, std::nothrow)) == nullptr);
    CHECK(hide(operator new(HUGE_SIZE, std::align_val_t{256}, std::nothrow)) == nullptr);
    CHECK(hide(operator new[](HUGE_SIZE, std::align_val_t{4096}, std::nothrow)) == nullptr);
}

static void gives_up_at_the_fifth_call()
{
    if (++calls == 5)
        std::set_new_handler(nullptr);
}

CASE(the_handler_is_called_until_it_gives_up)
{
    std::set_new_handler(gives_up_at_the_fifth_call);
    bool caught = false;

    try {
        hide(operator new(HUGE_SIZE));
    } catch (const std::bad_alloc &) {
        caught = true;
    }

    CHECK(caught);
    CHECK_THAT(calls, ==, 5);
}

CASE(a_nothrow_new_calls_the_handler_too)
{
    std::set_new_handler(gives_up_at_the_fifth_call);

    CHECK(hide(operator new(HUGE_SIZE, std::nothrow)) == nullptr);

    CHECK_THAT(calls, ==, 5);
}

CASE(an_aligned_new_calls_the_handler_too)
{
    std::set_new_handler(gives_up_at_the_fifth_call);
    bool caught = false;

    try {
        hide(operator new(HUGE_SIZE, std::align_val_t{64}));
    } catch (const std::bad_alloc &) {
        caught = true;
    }

    CHECK(caught);
    CHECK_THAT(calls, ==, 5);
}

static void throws_bad_alloc() { throw std::bad_alloc(); }

CASE(what_the_handler_throws_passes_through_new_but_not_through_nothrow)
{
    std::set_new_handler(throws_bad_alloc);
    bool caught = false;

    try {
        hide(operator new(HUGE_SIZE));
    } catch (const std::bad_alloc &) {
        caught = true;
    }

    CHECK(caught);
    CHECK(hide(operator new(HUGE_SIZE, std::nothrow)) == nullptr);
}

// The address space is bounded; the handler frees the reserve, and the same request is met.
static void frees_the_reserve()
{
    calls++;
    CHECK(reserve != nullptr);
    std::free(reserve);
    reserve = nullptr;
}

CASE(a_handler_that_frees_memory_makes_new_succeed)
{
    const std::size_t large = 256u << 20;
    reserve = hide(std::malloc(large));
    CHECK(reserve != nullptr);
    rlimit bound = {400u << 20, 400u << 20};
    CHECK(setrlimit(RLIMIT_AS, &bound) == 0);
    std::set_new_handler(frees_the_reserve);

    void *block = hide(operator new(large - 4096));

    CHECK(block != nullptr);
    CHECK_THAT(calls, ==, 1);
    operator delete(block);
}

CASE(an_empty_new_is_a_unique_block)
{
    void *first = hide(operator new(0)), *second = hide(operator new[](0));
    CHECK(first != nullptr && second != nullptr && first != second);
    operator delete(first);
    operator delete[](second);
}

CASE(an_aligned_new_is_aligned)
{
    for (std::size_t alignment = 32; alignment <= 65536; alignment *= 2) {
        std::align_val_t wanted{alignment};
        void *one = hide(operator new(100, wanted)), *many = hide(operator new[](5000, wanted)),
             *maybe = hide(operator new(1, wanted, std::nothrow));
        CHECK(reinterpret_cast<uintptr_t>(one) % alignment == 0);
        CHECK(reinterpret_cast<uintptr_t>(many) % alignment == 0);
        CHECK(maybe != nullptr && reinterpret_cast<uintptr_t>(maybe) % alignment == 0);
        operator delete(one, wanted);
        operator delete[](many, 5000, wanted);
        operator delete(maybe, wanted, std::nothrow);
    }
}

struct alignas(128) Wide {
    char bytes[300];
};

CASE(every_form_of_delete_takes_its_block)
{
    for (int round = 0; round < 1000; round++) {
        operator delete(hide(operator new(40)), std::size_t{40});
        operator delete[](hide(operator new[](70)), std::size_t{70});
        operator delete(hide(operator new(90, std::nothrow)), std::nothrow);
        operator delete[](hide(operator new[](90, std::nothrow)), std::nothrow);
        delete static_cast<Wide *>(hide(new Wide));
        delete[] static_cast<Wide *>(hide(new Wide[3]));
    }
    operator delete(nullptr);
    operator delete[](nullptr);
    operator delete(nullptr, std::align_val_t{64});
}

CASE(an_array_whose_size_overflows_throws)
{
    volatile std::size_t count = SIZE_MAX / 4;
    bool caught = false;
    try {
        hide(new Wide[count]);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
}

CASE(a_vector_that_grows_too_far_throws_and_keeps_its_elements)
{
    rlimit bound = {300u << 20, 300u << 20};
    CHECK(setrlimit(RLIMIT_AS, &bound) == 0);
    std::vector<std::size_t> numbers;
    bool caught = false;
    try {
        for (std::size_t i = 0;; i++)
            numbers.push_back(i);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
    CHECK_THAT(numbers.size(), >, 1u << 20);
    for (std::size_t i = 0; i < numbers.size(); i += 511)
        CHECK_THAT(numbers[i], ==, i);
}

int main(int argc, char **argv) { return run_cases(argc, argv); }
