// Where the rows of a batch lie and what belongs to each: the one place that knows padded from packed
// batches.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../core/half.h"
#include "../cpu/row_kernels.h"
#include "../include/lpreg.h"

namespace lpreg {

inline int64_t element_size(int32_t dtype) { return dtype == LPREG_FLOAT32 ? 4 : 2; }

inline float load_element(const void* row, int32_t dtype, int64_t index) {
  if (dtype == LPREG_FLOAT32) {
    float value;
    std::memcpy(&value, static_cast<const char*>(row) + index * 4, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, static_cast<const char*>(row) + index * 2, 2);
  return dtype == LPREG_FLOAT16 ? core::float16_to_float(bits) : core::bfloat16_to_float(bits);
}

inline void store_element(void* row, int32_t dtype, int64_t index, float value) {
  if (dtype == LPREG_FLOAT32) {
    std::memcpy(static_cast<char*>(row) + index * 4, &value, 4);
    return;
  }
  const uint16_t bits =
      dtype == LPREG_FLOAT16 ? core::float_to_float16(value) : core::float_to_bfloat16(value);
  std::memcpy(static_cast<char*>(row) + index * 2, &bits, 2);
}

class BatchView {
 public:
  explicit BatchView(const lpreg_batch& batch) : batch_(batch) {}

  const lpreg_batch& batch() const { return batch_; }
  int64_t rows() const { return batch_.rows; }
  int64_t sequences() const { return batch_.sequences; }
  int64_t vocab() const { return batch_.vocab; }
  bool packed() const { return batch_.cu_seq_lens != nullptr; }
  bool valid(int64_t row) const { return batch_.mask == nullptr || batch_.mask[row] != 0; }

  int64_t sequence_begin(int64_t sequence) const {
    return packed() ? batch_.cu_seq_lens[sequence] : sequence * batch_.tokens;
  }
  int64_t sequence_end(int64_t sequence) const { return sequence_begin(sequence + 1); }

  int64_t sequence_of(int64_t row) const {
    if (!packed()) return row / batch_.tokens;
    const int64_t* begin = batch_.cu_seq_lens + 1;
    return std::upper_bound(begin, begin + batch_.sequences, row) - begin;
  }

  int64_t action(int64_t row) const {
    return batch_.action_dtype == LPREG_INT64 ? static_cast<const int64_t*>(batch_.actions)[row]
                                              : static_cast<const int32_t*>(batch_.actions)[row];
  }

  double advantage(int64_t row) const {
    return batch_.advantages[batch_.advantages_per_sequence != 0 ? sequence_of(row) : row];
  }

  void* row_data(const lpreg_matrix& matrix, int64_t row) const {
    int64_t offset = row * matrix.row_stride;
    if (!packed() && matrix.sequence_stride != 0) {
      offset = row / batch_.tokens * matrix.sequence_stride + row % batch_.tokens * matrix.row_stride;
    }
    return static_cast<char*>(matrix.data) + offset * element_size(matrix.dtype);
  }

  cpu::RowView row_view(const lpreg_matrix& matrix, int64_t row) const {
    return {row_data(matrix, row), batch_.vocab, matrix.dtype};
  }

 private:
  const lpreg_batch& batch_;
};

}  // namespace lpreg
