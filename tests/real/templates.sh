# g++ compiles templates; what it makes runs. With little work it does without
# the large headers of the standard library.
set -eu
work=$1

cat >prog.cpp <<END
#include <cstdio>
#include <vector>
#if $work > 100
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
void words() {
    std::map<std::string, std::vector<int>> words;
    for (int i = 0; i < $work * 100; i++)
        words["key " + std::to_string(i * 7919 % 997)].push_back(i);
    auto most = std::max_element(words.begin(), words.end(), [](auto &a, auto &b) {
        return a.second.size() < b.second.size();
    });
    std::cout << words.size() << ' ' << most->first << std::endl;
    auto shared = std::make_shared<std::vector<std::unique_ptr<int>>>();
    for (int i = 0; i < 1000; i++) shared->push_back(std::make_unique<int>(i));
    try {
        throw std::runtime_error("thrown " + std::to_string(shared->size()));
    } catch (const std::exception &error) {
        std::cout << error.what() << std::endl;
    }
}
#else
void words() { throw $work; }
#endif
template <int N> struct Sum { static constexpr long value = N + Sum<N - 1>::value; };
template <> struct Sum<0> { static constexpr long value = 0; };
int main() {
    std::vector<int> numbers;
    for (int i = 0; i < $work; i++) numbers.push_back(i);
    std::printf("%zu %ld\n", numbers.size(), Sum<$work>::value);
    try {
        words();
    } catch (int number) {
        std::printf("caught %d\n", number);
    }
}
END
g++ -std=c++17 -O1 -g -o prog prog.cpp
./prog
