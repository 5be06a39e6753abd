// Row kernels for NEON.
#include "lanes_neon.h"
#include "polynomial_exp-inl.h"

namespace lpreg::cpu {
namespace {
using Exp = PolynomialExp;
}
}  // namespace lpreg::cpu

#include "row_kernels-inl.h"
#include "targets.h"

namespace lpreg::cpu {

const RowKernels& kernels_neon() {
  static constexpr RowKernels kKernels = row_kernels_named("neon");
  return kKernels;
}

}  // namespace lpreg::cpu
