// A batch of JavaScript arrays as an lpreg_batch.
#pragma once

#include <cstdint>
#include <vector>

#include "matrix.h"
#include "storage.h"

namespace lpreg_addon {

class BatchArgument {
 public:
  // What is absent is NULL.
  BatchArgument(const Arguments& arguments, Storage& storage);
  BatchArgument(const BatchArgument&) = delete;
  BatchArgument& operator=(const BatchArgument&) = delete;

  const lpreg_batch& get() const { return batch_; }

 private:
  void read_layout(const Arguments& arguments, Storage& storage);
  void read_matrices(const Arguments& arguments, Storage& storage);
  void read_actions(const Arguments& arguments, Storage& storage);
  void read_advantages(const Arguments& arguments, Storage& storage);
  void read_snapshot(const Arguments& arguments, Storage& storage);
  void read_normalisers(const Arguments& arguments, Storage& storage);

  lpreg_batch batch_{};
  lpreg_snapshot snapshot_{};
  std::vector<int64_t> cu_seq_lens_;
};

// A Float32Array or a Uint8Array of one element per row, or nullptr. Failures call it `name`.
const float* read_row_floats(const Arguments& arguments, Argument argument, const char* name, int64_t rows,
                             Storage& storage);
const uint8_t* read_row_flags(const Arguments& arguments, Argument argument, const char* name, int64_t rows,
                              Storage& storage);

}  // namespace lpreg_addon
