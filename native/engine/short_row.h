// Sums of short rows in float64. The vector kernels sum float32 exponentials, each about an ulp off; over a
// long row these errors vanish in one another, over a short one they would show in a batch whose losses
// nearly cancel. At this length a scalar exp costs no more than the rest of the work on a row.
#pragma once

#include "../core/row_math.h"
#include "../cpu/row_kernels.h"

namespace lpreg {

constexpr int64_t kShortRow = 128;

// As RowKernels::part and RowKernels::kept.
void short_row_part(const lpreg_row_options& options, cpu::RowView row, lpreg_row_part* part);
void short_row_kept(const lpreg_row_options& options, cpu::RowView row, float max, core::KeptRule rule,
                    lpreg_row_kept* kept);

}  // namespace lpreg
