// Sizes and strides: nothing here looks at a value of a tensor.
#include <cmath>

#include "validate.h"

namespace lpreg {
namespace {

void fail_shape(const char* name, int64_t index, const char* message) {
  throw Failure{LPREG_ERR_SHAPE, name, index, message};
}

void check_packed(const lpreg_batch& batch) {
  if (batch.cu_seq_lens[0] != 0) fail_shape("cu_seq_lens", 0, "must start at 0");
  for (int64_t b = 0; b < batch.sequences; ++b) {
    if (batch.cu_seq_lens[b + 1] < batch.cu_seq_lens[b]) fail_shape("cu_seq_lens", b + 1, "must not descend");
  }
  if (batch.cu_seq_lens[batch.sequences] != batch.rows) {
    fail_shape("cu_seq_lens", batch.sequences, "must end at the number of rows");
  }
}

int64_t sequence_stride_of(const lpreg_batch& batch, const lpreg_matrix& matrix) {
  return matrix.sequence_stride != 0 ? matrix.sequence_stride : batch.tokens * matrix.row_stride;
}

}  // namespace

int64_t extent(const lpreg_batch& batch, const lpreg_matrix& matrix, const char* name) {
  if (batch.rows == 0) return 0;
  const bool by_sequence = batch.cu_seq_lens == nullptr && matrix.sequence_stride != 0;
  const int64_t outer = by_sequence ? batch.sequences - 1 : 0;
  const int64_t inner = (by_sequence ? batch.tokens : batch.rows) - 1;
  int64_t a = 0;
  int64_t b = 0;
  int64_t elements = 0;
  int64_t bytes = 0;
  const bool overflow = __builtin_mul_overflow(outer, matrix.sequence_stride, &a) ||
                        __builtin_mul_overflow(inner, matrix.row_stride, &b) ||
                        __builtin_add_overflow(a, b, &a) ||
                        __builtin_add_overflow(a, batch.vocab, &elements) ||
                        __builtin_mul_overflow(elements, element_size(matrix.dtype), &bytes);
  if (overflow) throw Failure{LPREG_ERR_STRIDE, name, -1, "the extent overflows 64 bits"};
  return elements;
}

void check_layout(const lpreg_batch& batch, Memory memory) {
  check_struct(&batch, "batch");
  // Sequences without tokens take no memory of the caller's: any number of them could be claimed.
  if (batch.sequences < 0 || batch.sequences > INT32_MAX) {
    fail_shape("sequences", -1, "must lie in [0, 2^31 - 1]");
  }
  if (batch.rows < 0) fail_shape("rows", -1, "must not be negative");
  if (batch.cu_seq_lens != nullptr) {
    if (memory == Memory::kHost) check_packed(batch);
    return;
  }
  if (batch.tokens < 0) fail_shape("tokens", -1, "must not be negative");
  int64_t rows = 0;
  if (__builtin_mul_overflow(batch.sequences, batch.tokens, &rows) || rows != batch.rows) {
    fail_shape("rows", -1, "must be sequences * tokens");
  }
}

void check_matrix(const lpreg_batch& batch, const lpreg_matrix& matrix, const char* name) {
  if (batch.vocab < 1 || batch.vocab > INT32_MAX) fail_shape("vocab", -1, "must lie in [1, 2^31 - 1]");
  if (matrix.data == nullptr) {
    if (batch.rows == 0) return;
    throw Failure{LPREG_ERR_MISSING, name, -1, "must not be NULL"};
  }
  if (matrix.dtype < LPREG_FLOAT32 || matrix.dtype > LPREG_BFLOAT16) {
    throw Failure{LPREG_ERR_DTYPE, name, -1, "must be float32, float16 or bfloat16"};
  }
  if (matrix.row_stride < batch.vocab) {
    throw Failure{LPREG_ERR_STRIDE, name, -1, "rows overlap: the row stride is below the vocabulary"};
  }
  if (reinterpret_cast<uintptr_t>(matrix.data) % static_cast<uintptr_t>(element_size(matrix.dtype)) != 0) {
    throw Failure{LPREG_ERR_STRIDE, name, -1, "the base is not aligned to an element"};
  }
  extent(batch, matrix, name);
  if (batch.cu_seq_lens != nullptr || matrix.sequence_stride == 0 || batch.tokens == 0) return;
  int64_t length = 0;
  if (__builtin_mul_overflow(batch.tokens - 1, matrix.row_stride, &length) ||
      __builtin_add_overflow(length, batch.vocab, &length) || matrix.sequence_stride < length) {
    throw Failure{LPREG_ERR_STRIDE, name, -1, "sequences overlap"};
  }
}

bool same_matrix(const lpreg_batch& batch, const lpreg_matrix& a, const lpreg_matrix& b) {
  return a.data == b.data && a.dtype == b.dtype && a.row_stride == b.row_stride &&
         (batch.cu_seq_lens != nullptr || sequence_stride_of(batch, a) == sequence_stride_of(batch, b));
}

}  // namespace lpreg
