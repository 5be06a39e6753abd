#include "environment.h"

#include "arguments.h"

namespace lpreg_addon {

// The hook runs before the environment's memory goes, so that no job writes to it afterwards.
Environment::Environment(Napi::Env env) : library(open_library()), executor(env) {
  const auto shut_down = [](void* environment) {
    static_cast<Environment*>(environment)->executor.shut_down();
  };
  check_status(env, napi_add_env_cleanup_hook(env, shut_down, this));
}

std::shared_ptr<Context> Environment::context(const Napi::Value& number) const {
  const double position = as_number(number, "context");
  for (size_t i = 0; i < contexts.size(); ++i) {
    if (position == static_cast<double>(i)) return contexts[i];
  }
  throw Failure{LPREG_ERR_TYPE, "context", "there is no such context"};
}

}  // namespace lpreg_addon
