// Statistics and gradient of rows whose vocabulary is split over several tensors: the split statistics of
// lpreg.h.
#pragma once

#include "token_stats.h"
#include "validate.h"

namespace lpreg {

// What merges and finalisation need to know of their arrays.
struct PartsCall {
  lpreg_context& context;
  int64_t rows;
  const lpreg_call* call;
};

// What a row's state is finalised from; `mask` may be NULL, and `kept` without a filter.
struct MergedRows {
  int64_t vocab_total;
  const uint8_t* mask;
  const lpreg_row_part* merged;
  const lpreg_row_kept* kept;
};

// Checks that look at no value of a tensor.
void check_shard(const RowCall& call, Shard shard, Memory memory);
void check_shard_filter(const lpreg_row_options& options);
void check_merge(const PartsCall& call, int64_t part_count, const void* parts, const void* merged);
void check_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                    const lpreg_row_state* states);
void require_rows(const void* array, int64_t rows, const char* name);

void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts);
void row_parts_merge(const PartsCall& call, const lpreg_row_options& options, int64_t part_count,
                     const lpreg_row_part* parts, lpreg_row_part* merged);
void row_kept_sums(const RowCall& call, Shard shard, const lpreg_row_part* merged, lpreg_row_kept* kept);
void row_kept_merge(const PartsCall& call, int64_t part_count, const lpreg_row_kept* kept,
                    lpreg_row_kept* merged);
void row_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                  lpreg_row_state* states);
void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                  const RowCotangents& cotangents, const lpreg_matrix& gradient);

}  // namespace lpreg
