// Command line of a program over random cases: [--seconds N] [FIRST_SEED [COUNT]].
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace lpreg::golden {

class Seeds {
 public:
  // `usual_count` seeds where neither a count nor a time is given.
  Seeds(int argc, char** argv, uint64_t usual_count) : count_(usual_count) {
    int at = 1;
    if (argc > 2 && std::strcmp(argv[1], "--seconds") == 0) {
      seconds_ = std::atof(argv[2]);
      count_ = UINT32_MAX;
      at = 3;
    }
    if (argc > at) first_ = std::strtoull(argv[at], nullptr, 10);
    if (argc > at + 1) count_ = std::strtoull(argv[at + 1], nullptr, 10);
  }

  uint64_t first() const { return first_; }

  // Calls body(seed) until the count or the time is up, once at least unless the count is 0.
  template <class Body>
  void for_each(const Body& body) const {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    for (uint64_t i = 0; i < count_; ++i) {
      body(first_ + i);
      if (std::chrono::duration<double>(Clock::now() - begin).count() > seconds_) return;
    }
  }

 private:
  uint64_t first_ = 1;
  uint64_t count_;
  double seconds_ = HUGE_VAL;
};

}  // namespace lpreg::golden
