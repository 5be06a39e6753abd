// One loss step on device memory through the C ABI, for tests that look at the logits' and the gradient's
// memory.
#pragma once

#include <cstdint>
#include <vector>

#include "../check.h"
#include "core/half.h"
#include "device_array.h"
#include "include/lpreg.h"

namespace lpreg::test {

// Logits on a slope with some noise: the maximiser is token 0, token vocab - 1 is lowest.
inline float sloping_logit(int64_t v, int64_t vocab, int64_t row) {
  if (v == 0) return 7;
  if (v == vocab - 1) return -12;
  return 6 - 16 * static_cast<float>(v) / static_cast<float>(vocab) -
         static_cast<float>((v * 31 + row * 7) % 13) / 16;
}

// In bfloat16, 16 bits each.
inline std::vector<uint16_t> sloping_row(int64_t vocab, int64_t row) {
  std::vector<uint16_t> values(static_cast<size_t>(vocab));
  for (int64_t v = 0; v < vocab; ++v) {
    values[static_cast<size_t>(v)] = core::float_to_bfloat16(sloping_logit(v, vocab, row));
  }
  return values;
}

inline lpreg_loss_options token_ppo() {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = LPREG_GRPO;
  options.row.temperature = 1;
  options.clip_low = options.clip_high = 0.2;
  return options;
}

inline lpreg_loss_options lp_reg(int32_t objective) {
  lpreg_loss_options options = token_ppo();
  options.objective = objective;
  options.clip_low = 1;
  options.clip_high = 9;
  options.beta = 1;
  if (objective == LPREG_LP_REG_PAPER) options.rho = 0.5;
  if (objective == LPREG_LP_REG_KEPT) options.estimator = LPREG_K3;
  options.row.proxy = LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.02;
  return options;
}

class DeviceStep {
 public:
  // `logits` holds rows of `vocab` elements every `stride` elements; the gradient has their dtype.
  DeviceStep(const lpreg_loss_options& options, void* logits, int64_t vocab, int64_t stride,
             const std::vector<int32_t>& actions, const std::vector<float>& advantages,
             const std::vector<uint8_t>& mask, int32_t dtype = LPREG_BFLOAT16)
      : options_(options),
        actions_(actions),
        advantages_(advantages),
        old_log_probs_(std::vector<float>(actions.size(), -3)),
        mask_(mask),
        result_(1) {
    const lpreg_context_options on_device{sizeof on_device, LPREG_BACKEND_CUDA, 1, 0, 0};
    CHECK(api_.context_create(&on_device, &context_, nullptr) == LPREG_OK);
    batch_.struct_size = sizeof batch_;
    batch_.sequences = 1;
    batch_.tokens = batch_.rows = static_cast<int64_t>(actions.size());
    batch_.vocab = vocab;
    batch_.logits = {logits, dtype, stride, 0};
    batch_.actions = actions_.data();
    batch_.mask = mask_.data();
    batch_.old_log_probs = old_log_probs_.data();
    batch_.advantages = advantages_.data();
    CHECK(api_.loss_workspace_size(context_, &options_, &batch_, &bytes_, nullptr) == LPREG_OK);
    CHECK(cuda::allocate(&workspace_, bytes_) == 0);
    call_.struct_size = sizeof call_;
    call_.gradient_is_scratch = 1;
  }
  ~DeviceStep() {
    cuda::release(workspace_);
    api_.context_destroy(context_);
  }
  DeviceStep(const DeviceStep&) = delete;
  DeviceStep& operator=(const DeviceStep&) = delete;

  void forward() {
    CHECK(api_.loss_forward(context_, &options_, &batch_, workspace_, bytes_, nullptr, result_.data(),
                            nullptr, nullptr) == LPREG_OK);
    finish();
  }
  void backward(void* gradient, int64_t stride) {
    const lpreg_matrix out{gradient, batch_.logits.dtype, stride, 0};
    CHECK(api_.loss_backward(context_, &options_, &batch_, workspace_, bytes_, kOne, &out, nullptr,
                             nullptr) == LPREG_OK);
    finish();
  }
  void forward_backward(void* gradient, int64_t stride) {
    const lpreg_matrix out{gradient, batch_.logits.dtype, stride, 0};
    CHECK(api_.loss_forward_backward(context_, &options_, &batch_, workspace_, bytes_, kOne, &out, nullptr,
                                     result_.data(), &call_, nullptr) == LPREG_OK);
    finish();
  }
  double loss() const { return result_.read(0, 1)[0].loss; }

 private:
  static constexpr lpreg_scalar kOne{LPREG_ABSENT, 0, nullptr};

  void finish() { CHECK(api_.context_synchronize(context_, nullptr, nullptr) == LPREG_OK); }

  const lpreg_api& api_ = *lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context* context_ = nullptr;
  const lpreg_loss_options options_;
  const DeviceArray<int32_t> actions_;
  const DeviceArray<float> advantages_, old_log_probs_;
  const DeviceArray<uint8_t> mask_;
  const DeviceArray<lpreg_loss_result> result_;
  lpreg_batch batch_{};
  lpreg_call call_{};
  size_t bytes_ = 0;
  void* workspace_ = nullptr;
};

}  // namespace lpreg::test
