// Which of the compiled instruction sets this machine runs, and which one to use.
#pragma once

#include <string>
#include <vector>

#include "row_kernels.h"

namespace lpreg::cpu {

// Best last; never empty.
std::vector<const RowKernels*> runnable_kernels();

struct KernelChoice {
  const RowKernels* kernels;
  std::string error;  // "", or why `forced` was not obeyed
};

// The best kernels, or those named `forced`; nullptr and "" force nothing.
KernelChoice choose_kernels(const char* forced);

}  // namespace lpreg::cpu
