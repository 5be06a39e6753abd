// One batch in the device's memory, with what the host must know of it to check a result.
#pragma once

#include <cstdint>
#include <vector>

#include "include/lpreg.h"

namespace lpreg::bench {

// Ends the program where a call of the C ABI failed.
void check(lpreg_status status, const lpreg_error& error, const char* what);

// Memory of device 0.
class Buffer {
 public:
  Buffer(const lpreg_api& api, size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  template <class T = void>
  T* as() const {
    return static_cast<T*>(memory_);
  }
  void upload(const void* host, size_t bytes, size_t offset = 0) const;
  void download(void* host, size_t bytes, size_t offset = 0) const;

 private:
  const lpreg_api& api_;
  void* memory_ = nullptr;
};

struct Shape {
  int32_t dtype;  // LPREG_FLOAT32 or LPREG_BFLOAT16
  int64_t rows, vocab;
  bool peaked;
  size_t element() const { return dtype == LPREG_FLOAT32 ? 4 : 2; }
  size_t bytes() const { return static_cast<size_t>(rows * vocab) * element(); }
};

// A few distinct rows, drawn once and repeated: a repeated row lies elsewhere in memory and costs the same.
// `peaked`: eight tokens hold nearly all of the mass, as in a trained model; else standard normal. Old
// log-probs are near the current ones, every other advantage is negative.
class DeviceBatch {
 public:
  DeviceBatch(const lpreg_api& api, const Shape& shape);

  const lpreg_batch& batch() const { return batch_; }
  const Shape& shape() const { return shape_; }
  int64_t action(int64_t row) const { return row * 7919 % shape_.vocab; }
  const float* logits(int64_t row) const;  // [vocab] on the host, as stored
  double log_prob(int64_t row) const;      // of the action, in float64

 private:
  void draw();
  void upload_logits();
  void upload_inputs();

  Shape shape_;
  int64_t distinct_;
  std::vector<float> pattern_;        // [distinct, vocab]
  std::vector<double> log_sum_exps_;  // [distinct]
  Buffer logits_, actions_, old_log_probs_, advantages_;
  lpreg_batch batch_{};
};

}  // namespace lpreg::bench
