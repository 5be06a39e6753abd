// The sums of a short row (short_row.h) in float64, one element at a time.
#pragma once

#include "row_math.h"

namespace lpreg::core {

struct ExactSums {
  double max_count = 0, moment = 0, kept_rest = 0, dropped = 0, raw_rest = 0, linear = 0;
  int64_t kept = 0;

  // `offset` is (z' - max') / t; `keep`: the element passes the filter.
  LPREG_HD void add(const lpreg_row_options& options, double offset, bool is_max, bool keep) {
    max_count += is_max;
    kept += keep;
    if (is_max || offset == -kInfinity) return;  // maximisers are counted; 0 * -inf must not appear
    const double e = exp(offset);
    (keep ? kept_rest : dropped) += e;
    moment += e * offset;
    linear += offset;
    if (filter_needs_raw_sum(options)) raw_rest += exp(offset * options.temperature);
  }
};

}  // namespace lpreg::core
