// A batch of JavaScript arrays as an lpreg_batch.
#pragma once

#include <cstdint>
#include <vector>

#include "matrix.h"
#include "storage.h"

namespace lpreg_addon {

class BatchArgument {
 public:
  // Sizes, matrices and arrays by the names of lpreg.h; what is absent is NULL.
  BatchArgument(const Napi::Object& object, Storage& storage);
  BatchArgument(const BatchArgument&) = delete;
  BatchArgument& operator=(const BatchArgument&) = delete;

  const lpreg_batch& get() const { return batch_; }

 private:
  void read_layout(const Napi::Object& object);
  void read_matrices(const Napi::Object& object, Storage& storage);
  void read_actions(const Napi::Object& object, Storage& storage);
  void read_advantages(const Napi::Object& object, Storage& storage);
  void read_snapshot(const Napi::Object& object, Storage& storage);
  void read_normalisers(const Napi::Object& object, Storage& storage);

  lpreg_batch batch_{};
  lpreg_snapshot snapshot_{};
  std::vector<int64_t> cu_seq_lens_;
};

}  // namespace lpreg_addon
