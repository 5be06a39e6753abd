// The compiled instruction sets and the choice among them.
#pragma once

#include <string>
#include <vector>

#include "row_kernels.h"

namespace lpreg::cpu {

const RowKernels& kernels_baseline();
const RowKernels& kernels_avx2();    // x86-64 only
const RowKernels& kernels_avx512();  // x86-64 only

// Kernels that this machine can run, best last.
std::vector<const RowKernels*> runnable_kernels();

struct KernelChoice {
  const RowKernels* kernels;
  std::string error;  // "" or why `forced` was not obeyed
};

// The best kernels, or those named `forced`; nullptr and "" force nothing.
KernelChoice choose_kernels(const char* forced);

}  // namespace lpreg::cpu
