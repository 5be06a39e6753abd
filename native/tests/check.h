// Counting checks for the native tests: each failure prints its place, the program fails at the end.
#pragma once

#include <cmath>
#include <cstdio>

namespace lpreg::test {

inline long checks = 0;
inline long failures = 0;

inline bool check(bool holds, const char* what, const char* file, int line) {
  ++checks;
  if (holds) return true;
  if (++failures <= 20) std::printf("%s:%d: failed: %s\n", file, line, what);
  return false;
}

inline bool check_near(double actual, double expected, double tolerance, const char* what, const char* file,
                       int line) {
  const bool same = actual == expected || (std::isnan(actual) && std::isnan(expected));
  if (check(same || std::fabs(actual - expected) <= tolerance, what, file, line)) return true;
  if (failures <= 20) std::printf("  %.17g, expected %.17g +- %.3g\n", actual, expected, tolerance);
  return false;
}

// To be returned from main. A program that checked nothing fails.
inline int finish() {
  std::printf("%ld checks, %ld failed\n", checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace lpreg::test

#define CHECK(condition) ::lpreg::test::check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define CHECK_NEAR(actual, expected, tolerance) \
  ::lpreg::test::check_near(actual, expected, tolerance, #actual, __FILE__, __LINE__)
