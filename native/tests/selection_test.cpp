// Exact selection against a plain sort: values, ties by index, every k, and values that stress the key
// mapping.
#include <algorithm>
#include <cfloat>
#include <random>
#include <vector>

#include "check.h"
#include "engine/host_selection.h"

using lpreg::Candidate;

namespace {

std::vector<double> draw(int kind, size_t count, std::mt19937_64* random) {
  std::normal_distribution<double> normal(-3, 4);
  std::uniform_int_distribution<int> few(-2, 2);
  const double extremes[] = {0.0,     -0.0,    DBL_MIN,  -DBL_MIN, 5e-324,
                             -5e-324, DBL_MAX, -DBL_MAX, HUGE_VAL, -HUGE_VAL};
  std::vector<double> values(count);
  for (double& value : values) {
    if (kind == 0) value = normal(*random);
    if (kind == 1) value = few(*random);  // many ties
    if (kind == 2) value = extremes[(*random)() % 10];
  }
  return values;
}

void compare_with_sort(const std::vector<double>& values) {
  std::vector<Candidate> candidates;
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    candidates.push_back({lpreg::core::ascending_key(values[i]), static_cast<int64_t>(i)});
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  for (size_t k = 0; k <= values.size() + 1; ++k) {
    std::vector<uint8_t> marks(values.size());
    lpreg::mark_lowest(candidates, static_cast<int64_t>(k), &marks);
    std::vector<uint8_t> expected(values.size());
    for (size_t i = 0; i < std::min(k, order.size()); ++i) expected[order[i]] = 1;
    CHECK(marks == expected);
  }
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const uint64_t key = lpreg::order_statistic(candidates, static_cast<int64_t>(rank));
    CHECK(lpreg::core::value_of_ascending_key(key) == values[order[rank]]);
  }
}

}  // namespace

int main() {
  std::mt19937_64 random(1);
  for (int kind = 0; kind < 3; ++kind) {
    for (const size_t count : {1u, 2u, 3u, 17u, 100u, 300u}) compare_with_sort(draw(kind, count, &random));
  }
  CHECK(lpreg::core::descending_key(2.0) < lpreg::core::descending_key(1.0));
  CHECK(lpreg::core::ascending_key(-0.0) == lpreg::core::ascending_key(0.0));
  // Draws depend on seed and index, and look uniform: of 10,000 indices about half are below the middle.
  int below = 0;
  for (int i = 0; i < 10000; ++i) below += lpreg::core::random_key(7, i) < (1ull << 63);
  CHECK(below > 4800 && below < 5200);
  CHECK(lpreg::core::random_key(1, 5) != lpreg::core::random_key(2, 5));
  return lpreg::test::finish();
}
