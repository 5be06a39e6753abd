// A context of the library.
#pragma once

#include <napi.h>

#include <memory>

#include "failure.h"
#include "lpreg.h"

namespace lpreg_addon {

class Context {
 public:
  Context(const lpreg_api& api, int32_t backend, int32_t threads);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const lpreg_api& api() const { return api_; }
  lpreg_context* get() const { return context_; }

  void set_threads(int32_t threads);
  Napi::Object info(Napi::Env env) const;

 private:
  const lpreg_api& api_;
  lpreg_context* context_ = nullptr;
};

}  // namespace lpreg_addon
