#include "matrix.h"

#include <cstring>

namespace lpreg_addon {
namespace {

void require_matching_type(const ArrayView& view, int32_t dtype) {
  switch (dtype) {
    case LPREG_FLOAT32:
      return require_type(view, {napi_float32_array}, LPREG_ERR_DTYPE);
    case LPREG_FLOAT16:
      return require_type(view, {napi_uint16_array, kFloat16Array}, LPREG_ERR_DTYPE);
    default:
      return require_type(view, {napi_uint16_array}, LPREG_ERR_DTYPE);
  }
}

int64_t row_offset(const lpreg_matrix& matrix, int64_t tokens, int64_t row) {
  if (matrix.sequence_stride == 0) return row * matrix.row_stride;
  return row / tokens * matrix.sequence_stride + row % tokens * matrix.row_stride;
}

// Elements that the layout spans.
int64_t extent(const lpreg_matrix& matrix, const lpreg_batch& batch, const char* argument) {
  if (batch.rows == 0) return 0;
  const bool by_sequence = batch.cu_seq_lens == nullptr && matrix.sequence_stride != 0;
  const int64_t outer = by_sequence ? batch.sequences - 1 : 0;
  const int64_t inner = (by_sequence ? batch.tokens : batch.rows) - 1;
  int64_t begin = 0;
  int64_t row = 0;
  int64_t elements = 0;
  if (__builtin_mul_overflow(outer, matrix.sequence_stride, &begin) ||
      __builtin_mul_overflow(inner, matrix.row_stride, &row) ||
      __builtin_add_overflow(begin, row, &elements) ||
      __builtin_add_overflow(elements, batch.vocab, &elements) || elements > INT64_MAX / 8) {
    throw Failure{LPREG_ERR_STRIDE, argument, "its strides reach further than memory"};
  }
  return elements;
}

void require_extent(const ArrayView& view, int64_t elements, bool strided) {
  if (!strided) return require_length(view, elements);
  if (view.length >= static_cast<uint64_t>(elements)) return;
  throw Failure{
      LPREG_ERR_SHAPE, view.argument,
      "its strides reach " + std::to_string(elements) + " elements, received " + std::to_string(view.length)};
}

}  // namespace

MatrixArgument read_matrix(const Arguments& arguments, Argument matrix, const lpreg_batch& batch) {
  const char* name = argument_name(matrix);
  lpreg_matrix layout{};
  layout.dtype = arguments.integer(after(matrix, 1));
  layout.row_stride = arguments.size(after(matrix, 2));
  layout.sequence_stride = arguments.size(after(matrix, 3));
  const ArrayView view = view_array(arguments[matrix], name);
  require_matching_type(view, layout.dtype);
  const int64_t elements = extent(layout, batch, name);
  require_extent(view, elements, arguments.flag(after(matrix, 4)));
  layout.data = view.data;
  return {view, layout, static_cast<size_t>(elements) * element_size(view.type)};
}

GradientArgument::GradientArgument(const Arguments& arguments, const lpreg_batch& batch, Storage& storage)
    : rows_(batch.rows),
      tokens_(batch.tokens),
      vocab_(batch.vocab),
      owned_(arguments.flag(Argument::gradient_owned)) {
  const MatrixArgument argument = read_matrix(arguments, Argument::gradient, batch);
  matrix_ = argument.layout;
  extent_bytes_ = argument.extent_bytes;
  const bool in_place = storage.is_in_place(argument.view, argument.extent_bytes);
  private_ = !owned_ && !storage.can_write(argument.view);
  if (!private_) {
    storage.in_use(argument.view);
    return;
  }
  matrix_.data = in_place ? batch.logits.data : storage.allocate(extent_bytes_);
  target_ = Napi::Persistent(argument.view.array.As<Napi::Object>());
}

void GradientArgument::write_back(Napi::Env env) const {
  if (!private_ || rows_ == 0) return;
  const Napi::HandleScope scope(env);
  const ArrayView target = view_array(target_.Value(), "gradient");
  if (target.bytes() < extent_bytes_) throw Failure{kDetached, "gradient", "its ArrayBuffer has shrunk"};
  const size_t element = element_size(target.type);
  const size_t row_bytes = static_cast<size_t>(vocab_) * element;
  for (int64_t row = 0; row < rows_; ++row) {  // row by row: what lies between the rows is the caller's
    const size_t offset = static_cast<size_t>(row_offset(matrix_, tokens_, row)) * element;
    std::memcpy(target.data + offset, static_cast<const uint8_t*>(matrix_.data) + offset, row_bytes);
  }
}

}  // namespace lpreg_addon
