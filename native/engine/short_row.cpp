#include "short_row.h"

#include <cmath>

#include "../core/exact_sums.h"
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
  core::ExactSums sums;
  for (int64_t v = 0; v < row.count; ++v) {
    const float logit = load_element(row.data, row.dtype, v);
    sums.add(options, core::scaled_offset(logit, part->max, options), logit == part->max, false);
  }
  part->max_count = sums.max_count;
  part->rest = sums.dropped;
  part->moment = sums.moment;
  part->raw_rest = sums.raw_rest;
}

void short_row_kept(const lpreg_row_options& options, cpu::RowView row, float max, core::KeptRule rule,
                    lpreg_row_kept* kept) {
  core::ExactSums sums;
  for (int64_t v = 0; v < row.count; ++v) {
    const float logit = load_element(row.data, row.dtype, v);
    const bool inside = core::offset_passes(options, logit, max, rule.cut);
    sums.add(options, core::scaled_offset(logit, max, options), logit == max, inside);
  }
  *kept = {sums.kept_rest, sums.dropped, rule.uniform ? sums.linear : 0, sums.kept};
}

}  // namespace lpreg
