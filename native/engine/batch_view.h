// A batch as the CPU reads it: core/batch_layout.h, and rows as the kernels take them.
#pragma once

#include <cstdint>

#include "../core/batch_layout.h"
#include "../core/half.h"
#include "../cpu/row_kernels.h"
#include "../include/lpreg.h"

namespace lpreg {

constexpr int64_t kNoRow = -1;

// The row that the same thread reads next.
struct NextRow {
  int64_t row = kNoRow;
  cpu::Sweeps sweeps = cpu::Sweeps::kSums;  // of the present row, before
};

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
  bool packed() const { return core::is_packed(batch_); }
  bool valid(int64_t row) const { return core::is_valid_row(batch_, row); }
  int64_t sequence_begin(int64_t sequence) const { return core::sequence_begin(batch_, sequence); }
  int64_t sequence_end(int64_t sequence) const { return core::sequence_end(batch_, sequence); }
  int64_t sequence_of(int64_t row) const { return core::sequence_of(batch_, row); }
  int64_t action(int64_t row) const { return core::action_of(batch_, row); }
  double advantage(int64_t row) const { return core::advantage_of(batch_, row); }

  // In elements of a sweep; whatever its length, a row has about as much other work as a thousand of them.
  int64_t row_cost() const { return batch_.vocab + 1024; }

  void* row_data(const lpreg_matrix& matrix, int64_t row) const {
    return static_cast<char*>(matrix.data) +
           core::row_offset(batch_, matrix, row) * element_size(matrix.dtype);
  }

  cpu::RowView row_view(const lpreg_matrix& matrix, int64_t row) const {
    return {row_data(matrix, row), batch_.vocab, matrix.dtype};
  }
  cpu::RowView row_view(const lpreg_matrix& matrix, int64_t row, NextRow next) const {
    const bool fetch = next.row != kNoRow && valid(next.row);
    return {row_data(matrix, row), batch_.vocab, matrix.dtype, fetch ? row_data(matrix, next.row) : nullptr,
            next.sweeps};
  }

 private:
  const lpreg_batch& batch_;
};

}  // namespace lpreg
