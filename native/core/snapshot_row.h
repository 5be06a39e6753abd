// One row of a proxy snapshot (lpreg.h, lpreg_snapshot), from the row's state.
#pragma once

#include "row_math.h"

namespace lpreg::core {

LPREG_HD bool is_uniform(const lpreg_row_state& state) { return (state.flags & LPREG_ROW_UNIFORM) != 0; }

// A uniform row needs none.
LPREG_HD int64_t snapshot_entries(const lpreg_row_state& state) {
  return is_uniform(state) ? 0 : state.keep_count;
}

LPREG_HD float snapshot_log_q(const lpreg_row_options& options, const lpreg_row_state& state, float logit) {
  return static_cast<float>(log_q(scaled_offset(logit, state.max, options), state));
}

}  // namespace lpreg::core
