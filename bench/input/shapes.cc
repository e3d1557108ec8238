// Something for a C++ compiler to chew on: containers, templates, lambdas.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
struct Square : Shape {
    double side;
    explicit Square(double s) : side(s) {}
    double area() const override { return side * side; }
};

template <int N> struct Tower {
    std::map<std::string, std::vector<std::unique_ptr<Shape>>> floors;
    Tower<N - 1> below;
    double total() const {
        double sum = below.total();
        for (auto &[name, shapes] : floors)
            for (auto &shape : shapes) sum += shape->area();
        return sum;
    }
};
template <> struct Tower<0> {
    double total() const { return 0; }
};

int main() {
    Tower<12> tower;
    auto add = [&](const std::string &name) {
        tower.floors[name].push_back(std::make_unique<Square>(double(name.size())));
    };
    for (auto name : {"many", "small", "boxes", "of", "many", "kinds"}) add(name);
    return tower.total() > 0 ? 0 : 1;
}
