// Finds the shared library with the computing code.
#pragma once

#include <string>

#include "lpreg.h"

namespace lpreg_addon {

struct Library {
  std::string addon_path;
  std::string path;
  const lpreg_api* api;
};

// Opens the liblpreg.so that lies beside this addon, or the file that LPREG_LIBRARY names. It is never
// closed. Throws std::runtime_error.
Library open_library();

}  // namespace lpreg_addon
