// What an objective decides over the whole batch, before its tokens can be evaluated one by one: selections,
// thresholds, sequence ratios and aggregation weights (SEMANTICS §§4, 6, 7).
#pragma once

#include <vector>

#include "../core/selection_rules.h"
#include "batch_view.h"

namespace lpreg {

struct BatchSelection {
  std::vector<uint8_t> preselected;         // [rows], see core::TokenInputs; empty: none
  std::vector<uint8_t> candidates;          // [rows], CLIP_COV
  std::vector<double> sequence_log_ratios;  // [B], GSPO
  std::vector<double> sequence_weights;     // [B] w of §4
  core::Threshold threshold = core::no_threshold();
  bool by_threshold = false;  // paper: preselected is "ranked below the threshold"

  core::Selection view() const;
};

// The weights alone, with nothing selected: enough for rows that the selection cannot reach. Not for
// TOP_ENTROPY.
BatchSelection weigh_batch(const lpreg_loss_options& options, const BatchView& view);

// `states` may be NULL where core::is_row_local holds.
BatchSelection select_batch(const lpreg_loss_options& options, const BatchView& view,
                            const lpreg_row_state* states);

}  // namespace lpreg
