// What an objective decides over the whole batch, before its tokens can be evaluated one by one: selections,
// thresholds, sequence ratios and aggregation weights (SEMANTICS §§4, 6, 7).
#pragma once

#include <vector>

#include "batch_view.h"

namespace lpreg {

// Whether the coefficients of a row need only that row and facts known before the logits are read.
bool is_row_local(const lpreg_loss_options& options, const lpreg_batch& batch);

// Whether most rows are known not to be selected as soon as they are read, so that only the rest must wait
// for the selection over the whole batch.
bool is_split(const lpreg_loss_options& options);

struct BatchSelection {
  std::vector<uint8_t> preselected;         // [rows], see core::TokenInputs; empty: none
  std::vector<uint8_t> candidates;          // [rows], CLIP_COV
  std::vector<double> sequence_log_ratios;  // [B], GSPO
  std::vector<double> sequence_weights;     // [B] w of §4
  bool by_threshold = false;                // paper: preselected is "ranked below threshold"
  bool log_space = true;
  double threshold = 0;  // log delta, or delta where log_space is false
  double delta = 0;      // for the metrics; NaN: not applicable

  bool is_preselected(int64_t row, double ranked_log_prob) const;
};

// The weights alone, with nothing selected: enough for rows that the selection cannot reach. Not for
// TOP_ENTROPY.
BatchSelection weigh_batch(const lpreg_loss_options& options, const BatchView& view);

// `states` may be NULL where is_row_local holds.
BatchSelection select_batch(const lpreg_loss_options& options, const BatchView& view,
                            const lpreg_row_state* states);

}  // namespace lpreg
