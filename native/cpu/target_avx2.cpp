// Row kernels for AVX2, FMA and F16C.
#include "lanes_avx2.h"
#include "polynomial_exp-inl.h"

namespace lpreg::cpu {
namespace {
using Exp = PolynomialExp;
}
}  // namespace lpreg::cpu

#include "row_kernels-inl.h"
#include "targets.h"

namespace lpreg::cpu {

const RowKernels& kernels_avx2() {
  static constexpr RowKernels kKernels = row_kernels_named("avx2");
  return kKernels;
}

}  // namespace lpreg::cpu
