// Where the rows of a batch lie and what belongs to each: the one place that knows padded from packed
// batches.
#pragma once

#include <cstdint>

#include "../include/lpreg.h"
#include "host_device.h"

namespace lpreg::core {

LPREG_HD bool is_packed(const lpreg_batch& batch) { return batch.cu_seq_lens != nullptr; }

LPREG_HD bool is_valid_row(const lpreg_batch& batch, int64_t row) {
  return batch.mask == nullptr || batch.mask[row] != 0;
}

LPREG_HD int64_t sequence_begin(const lpreg_batch& batch, int64_t sequence) {
  return is_packed(batch) ? batch.cu_seq_lens[sequence] : sequence * batch.tokens;
}
LPREG_HD int64_t sequence_end(const lpreg_batch& batch, int64_t sequence) {
  return sequence_begin(batch, sequence + 1);
}

// The sequence of a row; packed: the last one that does not begin after it.
LPREG_HD int64_t sequence_of(const lpreg_batch& batch, int64_t row) {
  if (!is_packed(batch)) return row / batch.tokens;
  int64_t low = 0;
  int64_t high = batch.sequences - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (batch.cu_seq_lens[middle + 1] <= row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

LPREG_HD int64_t action_of(const lpreg_batch& batch, int64_t row) {
  return batch.action_dtype == LPREG_INT64 ? static_cast<const int64_t*>(batch.actions)[row]
                                           : static_cast<const int32_t*>(batch.actions)[row];
}

LPREG_HD double advantage_of(const lpreg_batch& batch, int64_t row) {
  return batch.advantages[batch.advantages_per_sequence != 0 ? sequence_of(batch, row) : row];
}

// Elements from a matrix's base to the row.
LPREG_HD int64_t row_offset(const lpreg_batch& batch, const lpreg_matrix& matrix, int64_t row) {
  if (is_packed(batch) || matrix.sequence_stride == 0) return row * matrix.row_stride;
  return row / batch.tokens * matrix.sequence_stride + row % batch.tokens * matrix.row_stride;
}

// A scalar where the code runs that may read it: device scalars only in kernels.
LPREG_HD double scalar_value(const lpreg_scalar& scalar, double absent) {
  if (scalar.kind == LPREG_ABSENT) return absent;
  return scalar.kind == LPREG_DEVICE ? *scalar.device : scalar.value;
}

}  // namespace lpreg::core
