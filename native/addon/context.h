// A context of the library behind a JavaScript object.
#pragma once

#include <napi.h>

#include <memory>

#include "lpreg.h"
#include "tagged.h"

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

template <>
struct Tag<Context> {
  static constexpr napi_type_tag value{0x8e0d6f4aa3c1495b, 0xb7716c02d95e4f38};
  static constexpr const char* name = "context";
};

}  // namespace lpreg_addon
