#include "golden_rule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace lpreg::golden {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr int64_t kStrictVocab = 4099;  // from here on log-prob and gradient must be better than PyTorch's

double float32_ulp(double magnitude) {
  const double exponent = magnitude > 0 ? std::floor(std::log2(magnitude)) : -kInfinite;
  return std::exp2(std::max(exponent, -126.0) - 23);
}

double largest_magnitude(const FileTensor& tensor) {
  double largest = 0;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const double size = std::fabs(tensor.at(i));
    if (std::isfinite(size)) largest = std::max(largest, size);
  }
  return largest;
}

// Half a spacing of the 16-bit type at this magnitude: what storing a value costs.
double storage_rounding(const std::string& dtype, double magnitude) {
  if (dtype == "F32" || dtype == "F64") return 0;
  const bool float16 = dtype == "F16";
  const double exponent = magnitude > 0 ? std::floor(std::log2(magnitude)) : -kInfinite;
  return std::exp2(std::max(exponent, float16 ? -14.0 : -126.0) - (float16 ? 11 : 8));
}

struct Worst {
  int64_t index = -1;
  double actual = 0, expected = 0, error = 0, allowed = 0;
};

// The element that lies farthest outside; index -1 when none does. Non-finite values must agree exactly.
Worst worst_of(const FileTensor& actual, const FileTensor& expected, double computed, bool stored_narrow,
               bool strict) {
  Worst worst;
  double excess = -kInfinite;
  for (int64_t i = 0; i < expected.count(); ++i) {
    const double got = actual.at(i), want = expected.at(i);
    if (got == want || (std::isnan(got) && std::isnan(want))) continue;
    const double error = std::isfinite(got) && std::isfinite(want) ? std::fabs(got - want) : kInfinite;
    const double rounding = stored_narrow ? storage_rounding(actual.dtype, std::fabs(want) + computed) : 0;
    const double allowed = computed + rounding;
    if (strict ? error < allowed : error <= allowed) continue;
    if (worst.index >= 0 && error - allowed <= excess) continue;
    excess = error - allowed;
    worst = {i, got, want, error, allowed};
  }
  return worst;
}

std::string describe(const std::string& field, const Worst& worst) {
  char text[256];
  std::snprintf(text, sizeof text, "%s[%lld] is %.9g, expected %.9g: error %.3g, allowed %.3g", field.c_str(),
                static_cast<long long>(worst.index), worst.actual, worst.expected, worst.error,
                worst.allowed);
  return text;
}

void check_field(const BatchCase& vector, const std::string& field, const FileTensor& expected,
                 const FileTensor& actual, std::vector<std::string>* found) {
  if (actual.count() != expected.count()) {
    found->push_back(field + " has another length than expected");
    return;
  }
  const bool discrete = expected.dtype == "U8" || expected.dtype == "I32";
  const Json& torch = vector.meta["f32_torch_error"][field + "_abs"];
  const double allowed =
      discrete ? 0 : std::max(1.5 * torch.number_or(0), 4 * float32_ulp(largest_magnitude(expected)));
  const bool gradient = field == "grad";
  const Worst worst = worst_of(actual, expected, allowed, gradient, false);
  if (worst.index >= 0) {
    found->push_back(describe(field, worst));
    return;
  }
  if (vector.vocab < kStrictVocab || !(gradient || field == "logp")) return;
  const Worst behind = worst_of(actual, expected, torch.number, gradient, true);
  if (behind.index >= 0) found->push_back(describe(field + " (better than PyTorch)", behind));
}

}  // namespace

std::vector<std::string> violations(const BatchCase& vector, const Results& actual) {
  std::vector<std::string> found;
  for (const auto& [name, expected] : vector.file.tensors) {
    if (name.rfind("exp.", 0) != 0 || name == "exp.cov") continue;  // cov is for people
    const std::string field = name.substr(4);
    const auto result = actual.find(field);
    if (result == actual.end()) {
      found.push_back(field + " is missing");
    } else {
      check_field(vector, field, expected, result->second, &found);
    }
  }
  return found;
}

}  // namespace lpreg::golden
