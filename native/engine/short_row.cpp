#include "short_row.h"

#include <cmath>

#include "batch_view.h"

namespace lpreg {

void short_row_part(const lpreg_row_options& options, cpu::RowView row, lpreg_row_part* part) {
  *part = core::empty_part();
  bool finite = true;
  for (int64_t v = 0; v < row.count; ++v) {
    const float logit = load_element(row.data, row.dtype, v);
    finite = finite && logit < HUGE_VALF;  // false for NaN too
    if (logit > part->max) part->max = logit;
  }
  if (!finite) part->rest = NAN;
  if (!finite || part->max == -HUGE_VALF) return;
  for (int64_t v = 0; v < row.count; ++v) {
    const float logit = load_element(row.data, row.dtype, v);
    if (logit == part->max) {
      part->max_count += 1;
      continue;
    }
    if (logit == -HUGE_VALF) continue;
    const double offset = core::scaled_offset(logit, part->max, options);
    const double e = std::exp(offset);
    part->rest += e;
    part->moment += e * offset;
    if (core::filter_needs_raw_sum(options)) part->raw_rest += std::exp(offset * options.temperature);
  }
}

void short_row_kept(const lpreg_row_options& options, cpu::RowView row, float max, core::KeptRule rule,
                    lpreg_row_kept* kept) {
  *kept = lpreg_row_kept{};
  for (int64_t v = 0; v < row.count; ++v) {
    const float logit = load_element(row.data, row.dtype, v);
    const double offset = core::scaled_offset(logit, max, options);
    const bool inside = core::offset_passes(options, logit, max, rule.cut);
    kept->count += inside;
    if (rule.uniform) kept->linear += offset;
    if (logit == max) continue;
    (inside ? kept->kept_rest : kept->dropped) += std::exp(offset);
  }
}

}  // namespace lpreg
