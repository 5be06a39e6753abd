// Row kernels for any machine: no instruction set assumed.
#include "lanes_baseline.h"
#include "polynomial_exp-inl.h"

namespace lpreg::cpu {
namespace {
using Exp = PolynomialExp;
}
}  // namespace lpreg::cpu

#include "row_kernels-inl.h"
#include "targets.h"

namespace lpreg::cpu {

const RowKernels& kernels_baseline() {
  static constexpr RowKernels kKernels = row_kernels_named("baseline");
  return kKernels;
}

}  // namespace lpreg::cpu
