// What every kernel over rows is told. Plain data, passed by value.
#pragma once

#include <cmath>

#include "../core/objective_row.h"
#include "status_word.h"

namespace lpreg::cuda {

// exp(d / unit) as exp2(d * per_unit); anything at or below `lowest` has e = 0. `rest` is what float32 took
// from per_unit.
struct ExpScale {
  float per_unit, rest, lowest;
};

// Temperatures beyond these bounds act like the bound; in between no constant is subnormal or infinite.
inline ExpScale exp_scale(double unit) {
  const double bounded = unit < 0x1p-80 ? 0x1p-80 : unit > 0x1p80 ? 0x1p80 : unit;
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kBelowSmallest = -130;  // 2^-130 is flushed to 0
  const double per_unit = kLog2E / bounded;
  const float rounded = static_cast<float>(per_unit);
  return {rounded, static_cast<float>(per_unit - static_cast<double>(rounded)),
          static_cast<float>(kBelowSmallest / per_unit)};
}

struct RowPass {
  lpreg_batch batch;      // device pointers; logits are those of the pass
  lpreg_row_options row;  // a pass without filter has LPREG_FILTER_NONE
  ExpScale scale, raw_scale;
  float min_p_cut;
  bool of_current_policy;  // a sampled token must have a probability
  int64_t vocab_start;     // where batch.vocab columns lie in the whole vocabulary; ids of actions are global
  int64_t vocab_total;
  StatusWord* status;
};

inline RowPass row_pass(const lpreg_batch& batch, const lpreg_row_options& row, StatusWord* status) {
  RowPass pass{batch, row, exp_scale(row.temperature), exp_scale(1), 0, true, 0, batch.vocab, status};
  if (row.filter_kind == LPREG_FILTER_MIN_P) pass.min_p_cut = core::min_p_cut(row);
  return pass;
}

}  // namespace lpreg::cuda
