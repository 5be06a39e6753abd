// Logits-sized arguments: where their rows lie in a typed array, and gradients on their way back into one.
#pragma once

#include <cstdint>

#include "arguments.h"
#include "array_view.h"
#include "storage.h"

namespace lpreg_addon {

struct MatrixArgument {
  ArrayView view;
  lpreg_matrix layout;  // its data is the typed array's memory
  size_t extent_bytes;  // from the first element of the first row to behind the last of the last
};

// `matrix`: the first of its arguments. A dense array must have exactly the elements of its shape.
MatrixArgument read_matrix(const Arguments& arguments, Argument matrix, const lpreg_batch& batch);

// Where a backward pass writes.
class GradientArgument {
 public:
  // `gradient_owned` says that lib/ has just allocated the array and shows it to nobody before the operation
  // has ended.
  GradientArgument(const Arguments& arguments, const lpreg_batch& batch, Storage& storage);

  const lpreg_matrix& matrix() const { return matrix_; }
  // Whether nobody sees what a call that failed half-way has written.
  bool is_scratch() const { return owned_ || private_; }
  // Copies a job's private result to the caller's array; throws kDetached if it has gone meanwhile.
  void write_back(Napi::Env env) const;

 private:
  lpreg_matrix matrix_;
  int64_t rows_, tokens_, vocab_;
  size_t extent_bytes_;
  bool owned_;
  bool private_;
  Napi::ObjectReference target_;  // private only
};

}  // namespace lpreg_addon
