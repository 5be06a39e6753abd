// What one JavaScript environment (the main thread or a worker) owns. Nothing is shared between environments.
#pragma once

#include <napi.h>

#include "executor.h"
#include "library.h"

namespace lpreg_addon {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const Library library;
  Executor executor;
};

}  // namespace lpreg_addon
