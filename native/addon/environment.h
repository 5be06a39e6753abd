// What one JavaScript environment (the main thread or a worker) owns. Nothing is shared between environments.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "context.h"
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

  // By the number that JavaScript knows it by; they last as long as the environment.
  std::shared_ptr<Context> context(const Napi::Value& number) const;

  const Library library;
  std::vector<std::shared_ptr<Context>> contexts;
  Executor executor;
};

}  // namespace lpreg_addon
