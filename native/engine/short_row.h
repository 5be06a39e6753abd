// Sums in float64 of short rows with a softcap, whose tanh the vector kernels have in float32 only (see
// cpu/short_row-inl.h for why that is not enough).
#pragma once

#include "../core/row_math.h"
#include "../core/short_row.h"
#include "../cpu/row_kernels.h"

namespace lpreg {

inline bool is_short_and_capped(const lpreg_row_options& options, cpu::RowView row) {
  return row.count <= core::kShortRow && options.softcap != 0;
}

// As RowKernels::part and RowKernels::kept.
void short_row_part(const lpreg_row_options& options, cpu::RowView row, lpreg_row_part* part);
void short_row_kept(const lpreg_row_options& options, cpu::RowView row, float max, core::KeptRule rule,
                    lpreg_row_kept* kept);

}  // namespace lpreg
