// What every kernel over rows is told. Plain data, passed by value.
#pragma once

#include <cmath>

#include "../core/objective_row.h"
#include "status_word.h"

namespace lpreg::cuda {

constexpr float kLowestExponent = -130;  // 2^-130 is flushed to 0

// exp(d / unit) as exp2(d * per_unit).
struct ExpScale {
  float per_unit;
};

// Temperatures beyond these bounds act like the bound; in between no constant is subnormal or infinite.
inline ExpScale exp_scale(double unit) {
  const double bounded = unit < 0x1p-80 ? 0x1p-80 : unit > 0x1p80 ? 0x1p80 : unit;
  constexpr double kLog2E = 1.4426950408889634;
  return {static_cast<float>(kLog2E / bounded)};
}

struct RowPass {
  lpreg_batch batch;      // device pointers; logits are those of the pass
  lpreg_row_options row;  // a pass without filter has LPREG_FILTER_NONE
  ExpScale scale, raw_scale;
  float cut;  // tokens below it are outside the kept set whatever the row's sum; 0 without a filter
  bool of_current_policy;  // a sampled token must have a probability
  int64_t vocab_start;     // where batch.vocab columns lie in the whole vocabulary; ids of actions are global
  int64_t vocab_total;
  StatusWord* status;
  // Rows of the pass. Matrices that hold no others still have the base that row 0 would have.
  int64_t row_count;
  uint32_t first_row;
  uint32_t first_block;  // of a team's blocks in a launch over the whole batch; set by the launcher
};

inline RowPass row_pass(const lpreg_batch& batch, const lpreg_row_options& row, StatusWord* status) {
  RowPass pass{
      batch, row, exp_scale(row.temperature), exp_scale(1), 0, true, 0, batch.vocab, status, batch.rows,
      0,     0};
  // A fixed filter's own cut lies above this one by the row's log sum of exponentials, which is not negative.
  if (row.filter_kind != LPREG_FILTER_NONE) pass.cut = core::min_p_cut(row);
  return pass;
}

}  // namespace lpreg::cuda
