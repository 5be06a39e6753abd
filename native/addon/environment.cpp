#include "environment.h"

#include "tagged.h"

namespace lpreg_addon {

// The hook runs before the environment's memory goes, so that no job writes to it afterwards.
Environment::Environment(Napi::Env env) : library(open_library()), executor(env) {
  const auto shut_down = [](void* environment) {
    static_cast<Environment*>(environment)->executor.shut_down();
  };
  check_status(env, napi_add_env_cleanup_hook(env, shut_down, this));
}

}  // namespace lpreg_addon
