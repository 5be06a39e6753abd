#include "comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "core/selection_rules.h"

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

bool rests_on_rounding(const BatchCase& batch, const Results& results) {
  if (batch.options.objective != LPREG_TOP_ENTROPY) return false;
  std::vector<double> entropies;
  for (int64_t row = 0; row < batch.rows(); ++row) {
    if (batch.file.tensors.at("mask").at(row) != 0) entropies.push_back(results.at("entropy").at(row));
  }
  std::sort(entropies.rbegin(), entropies.rend());
  const auto valid = static_cast<int64_t>(entropies.size());
  const auto kept = static_cast<size_t>(core::fraction_count(valid, batch.options.top_fraction));
  if (kept >= entropies.size()) return false;
  return entropies[kept - 1] != 0 && entropies[kept - 1] - entropies[kept] < 4e-6;
}

}  // namespace lpreg::golden
