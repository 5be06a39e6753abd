#include "dispatch.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "kernel_choice.h"
#include "targets.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace lpreg::cpu {
namespace {

#if defined(__x86_64__)
// F16C has no name that every compiler's __builtin_cpu_supports knows.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c(); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

std::string names(const std::vector<const RowKernels*>& all) {
  std::string list;
  for (const RowKernels* kernels : all) list += (list.empty() ? "" : ",") + std::string(kernels->name);
  return list;
}

const KernelChoice& choice() {
  static const KernelChoice chosen = choose_kernels(std::getenv("LPREG_ISA"));
  return chosen;
}

}  // namespace

std::vector<const RowKernels*> runnable_kernels() {
  std::vector<const RowKernels*> all = {&kernels_baseline()};
#if defined(__x86_64__)
  if (has_avx2()) all.push_back(&kernels_avx2());
  if (has_avx512()) all.push_back(&kernels_avx512());
#elif defined(__aarch64__)
  all.push_back(&kernels_neon());  // part of the architecture
#endif
  return all;
}

KernelChoice choose_kernels(const char* forced) {
  const std::vector<const RowKernels*> all = runnable_kernels();
  const std::string wanted = forced == nullptr ? "" : forced;
  if (wanted.empty()) return {all.back(), ""};
  for (const RowKernels* kernels : all) {
    if (wanted == kernels->name) return {kernels, ""};
  }
  return {all.back(), "LPREG_ISA is \"" + wanted + "\", but this machine runs only " + names(all)};
}

const RowKernels& row_kernels() { return *choice().kernels; }

const char* forced_isa_error() { return choice().error.empty() ? nullptr : choice().error.c_str(); }

const char* available_instruction_sets() {
  static const std::string list = names(runnable_kernels());
  return list.c_str();
}

}  // namespace lpreg::cpu
