// Row kernels for AVX-512 F, BW, DQ and VL.
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own intrinsics leave the unused source of an unmasked instruction undefined on purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "lanes_avx512.h"
#include "table_exp-inl.h"

namespace lpreg::cpu {
namespace {
using Exp = TableExp;
}
}  // namespace lpreg::cpu

#include "row_kernels-inl.h"
#include "targets.h"

namespace lpreg::cpu {

const RowKernels& kernels_avx512() {
  static constexpr RowKernels kKernels = row_kernels_named("avx512");
  return kKernels;
}

}  // namespace lpreg::cpu
