// A context of the library.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>

#include "failure.h"
#include "lpreg.h"

namespace lpreg_addon {

class Context {
 public:
  // `device`: a CUDA device's ordinal; 0 on the CPU. `staging_bytes` as in lpreg_context_options.
  Context(const lpreg_api& api, int32_t backend, int32_t threads, int32_t device, int64_t staging_bytes);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const lpreg_api& api() const { return api_; }
  lpreg_context* get() const { return context_; }
  bool on_cuda() const { return on_cuda_; }
  int32_t device() const { return device_; }
  // Calls over device memory run one after the other: what their kernels find is told by the context.
  std::mutex& turn() { return turn_; }

  void set_threads(int32_t threads);
  Napi::Object info(Napi::Env env) const;

 private:
  const lpreg_api& api_;
  lpreg_context* context_ = nullptr;
  bool on_cuda_ = false;
  int32_t device_;
  std::mutex turn_;
};

}  // namespace lpreg_addon
