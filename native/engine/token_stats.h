// The per-token operation and its vector-Jacobian product.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

struct RowCall {
  lpreg_context& context;
  const lpreg_row_options& options;
  const lpreg_batch& batch;
  const lpreg_call* call;
};

// Where batch.vocab columns lie in the whole vocabulary; whole rows: {0, vocab}.
struct Shard {
  int64_t vocab_start, vocab_total;
};

struct RowCotangents {
  const float* log_prob;  // [rows] each, NULL: 0
  const float* entropy;
  const float* kl;
};

// Checks of the per-token operation that look at no value of a tensor.
void check_row_stats_options(const lpreg_row_options& options);
void check_row_states(const RowCall& call, const lpreg_row_state* states,
                      const lpreg_row_state* proxy_states);
void check_cotangent_pointers(const RowCall& call, const RowCotangents& cotangents);

// The gradient rows of a shard, or of whole rows.
void write_gradient_rows(const RowCall& call, Shard shard, const lpreg_row_state* states,
                         const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                         const lpreg_matrix& gradient);

// All checks of a call over host memory, before anything is computed.
void check_token_stats(const RowCall& call, const lpreg_row_state* states,
                       const lpreg_row_state* proxy_states);
void check_token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                                const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                                const lpreg_matrix& gradient);

void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                 lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs);
void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                          const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                          const lpreg_matrix& gradient);

}  // namespace lpreg
