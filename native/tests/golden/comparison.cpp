#include "comparison.h"

#include <cmath>
#include <cstdio>

namespace lpreg::golden {
namespace {

double allowed_difference(const std::string& dtype, double value) {
  const double computed = 2e-6 + 1e-6 * std::fabs(value);
  if (dtype == "F16") return computed + std::fabs(value) * std::exp2(-10) + std::exp2(-24);
  if (dtype == "BF16") return computed + std::fabs(value) * std::exp2(-7);
  return computed;
}

std::string field_difference(const std::string& name, const FileTensor& got, const FileTensor& want) {
  const bool discrete = want.dtype == "U8" || want.dtype == "I32";
  for (int64_t i = 0; i < want.count(); ++i) {
    const double a = got.at(i), b = want.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!discrete && std::fabs(a - b) <= allowed_difference(want.dtype, b)) continue;
    char text[160];
    std::snprintf(text, sizeof text, "%s[%lld] is %.9g and %.9g", name.c_str(), static_cast<long long>(i), a,
                  b);
    return text;
  }
  return "";
}

}  // namespace

std::string difference(const Results& got, const Results& want) {
  for (const auto& [name, tensor] : want) {
    const std::string found = field_difference(name, got.at(name), tensor);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace lpreg::golden
