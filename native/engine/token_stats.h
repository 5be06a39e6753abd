// The per-token operation and its vector-Jacobian product, whole rows or vocabulary shards, and proxy
// snapshots.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

struct RowCall {
  lpreg_context& context;
  const lpreg_row_options& options;
  const lpreg_batch& batch;
  const lpreg_call* call;
};

// A shard's place in the whole vocabulary.
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

void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                 lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs);
void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                          const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                          const lpreg_matrix& gradient);

void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts);
void row_parts_merge(const lpreg_row_options& options, int64_t rows, int64_t part_count,
                     const lpreg_row_part* parts, lpreg_row_part* merged);
void row_kept_sums(const RowCall& call, Shard shard, const lpreg_row_part* merged, lpreg_row_kept* kept);
void row_kept_merge(int64_t rows, int64_t part_count, const lpreg_row_kept* kept, lpreg_row_kept* merged);
void row_finalize(const lpreg_row_options& options, int64_t rows, int64_t vocab_total, const uint8_t* mask,
                  const lpreg_row_part* merged, const lpreg_row_kept* kept, lpreg_row_state* states);
void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                  const RowCotangents& cotangents, const lpreg_matrix& gradient);

int64_t snapshot_size(const RowCall& call);
void snapshot_write(const RowCall& call, lpreg_snapshot* snapshot);

}  // namespace lpreg
