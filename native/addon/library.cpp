#include "library.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace lpreg_addon {
namespace {

constexpr const char* kLibraryName = "liblpreg.so";
constexpr const char* kLibraryVariable = "LPREG_LIBRARY";

std::string absolute(const char* path) {
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(path, nullptr), &std::free);
  if (resolved != nullptr) return resolved.get();
  throw std::runtime_error(std::string(kLibraryVariable) + ": " + path + ": " + std::strerror(errno));
}

// A symbolic link to the addon is followed: the library lies beside the file itself.
std::string addon_path() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<void*>(&open_library), &self) == 0 || self.dli_fname == nullptr) {
    throw std::runtime_error("the path of the addon is not known");
  }
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(self.dli_fname, nullptr), &std::free);
  return resolved == nullptr ? self.dli_fname : resolved.get();
}

std::string last_error() {
  const char* error = dlerror();
  return error == nullptr ? "unknown error" : error;
}

}  // namespace

Library open_library() {
  const std::string addon = addon_path();
  const char* chosen = std::getenv(kLibraryVariable);
  const std::string path = chosen == nullptr || *chosen == '\0'
                               ? addon.substr(0, addon.rfind('/') + 1) + kLibraryName
                               : absolute(chosen);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(last_error());
  const auto get_api = reinterpret_cast<decltype(&lpreg_get_api)>(dlsym(handle, "lpreg_get_api"));
  if (get_api == nullptr) throw std::runtime_error(last_error());
  const lpreg_api* api = get_api(LPREG_ABI_VERSION);
  if (api == nullptr) {
    throw std::runtime_error(path + " does not have version " + std::to_string(LPREG_ABI_VERSION) +
                             " of the C ABI: it belongs to another release of this package");
  }
  return {addon, path, api};
}

}  // namespace lpreg_addon
