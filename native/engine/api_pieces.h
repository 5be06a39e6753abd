// Entries of the function table for pieces of rows (split statistics) and for snapshots; lpreg.h describes
// them.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

lpreg_status api_row_parts(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                           int64_t vocab_start, int64_t vocab_total, lpreg_row_part* parts,
                           const lpreg_call* call, lpreg_error* error);
lpreg_status api_row_parts_merge(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                                 int64_t part_count, const lpreg_row_part* parts, lpreg_row_part* merged,
                                 const lpreg_call* call, lpreg_error* error);
lpreg_status api_row_kept(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                          int64_t vocab_start, int64_t vocab_total, const lpreg_row_part* merged,
                          lpreg_row_kept* kept, const lpreg_call* call, lpreg_error* error);
lpreg_status api_row_kept_merge(lpreg_context* context, int64_t rows, int64_t part_count,
                                const lpreg_row_kept* kept, lpreg_row_kept* merged, const lpreg_call* call,
                                lpreg_error* error);
lpreg_status api_row_finalize(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                              int64_t vocab_total, const uint8_t* mask, const lpreg_row_part* merged,
                              const lpreg_row_kept* kept, lpreg_row_state* states, const lpreg_call* call,
                              lpreg_error* error);
lpreg_status api_row_gradient(lpreg_context* context, const lpreg_row_options* options,
                              const lpreg_batch* batch, int64_t vocab_start, int64_t vocab_total,
                              const lpreg_row_state* states, const float* d_log_prob, const float* d_entropy,
                              const float* d_kl, const lpreg_matrix* gradient, const lpreg_call* call,
                              lpreg_error* error);

lpreg_status api_snapshot_size(lpreg_context* context, const lpreg_row_options* options,
                               const lpreg_batch* batch, lpreg_row_state* states, int64_t* entries,
                               const lpreg_call* call, lpreg_error* error);
lpreg_status api_snapshot_write(lpreg_context* context, const lpreg_row_options* options,
                                const lpreg_batch* batch, lpreg_row_state* states, lpreg_snapshot* snapshot,
                                const lpreg_call* call, lpreg_error* error);

}  // namespace lpreg
