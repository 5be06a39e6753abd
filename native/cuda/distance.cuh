// d = z' - max' of a logit, with or without softcap, and e = exp(d / t) = 2^y.
#pragma once

#include "row_pass.h"
#include "row_sweep.cuh"

namespace lpreg::cuda {

// A row of nothing but -inf measures from 0, so that its elements still have e = 0.
__device__ __forceinline__ float finite_maximum(float max) { return max == kMinusInfinity ? 0.0f : max; }

// y of a distance, at least kLowestExponent, where 2^y is 0. The product is rounded to float32: the relative
// error of 2^y grows with |d|, but so does the distance of the term from those that matter.
__device__ __forceinline__ float exponent(float d, const ExpScale& scale) {
  return fmaxf(d * scale.per_unit, kLowestExponent);
}
__device__ __forceinline__ float fast_exp(float d, const ExpScale& scale) {
  return fast_exp2(exponent(d, scale));
}

// Out of line: the float64 tanh is long, and few models cap their logits.
__device__ __noinline__ inline float capped_distance(float z, double capped_base, double softcap) {
  return static_cast<float>(core::softcapped(z, softcap) - capped_base);
}
__device__ __noinline__ inline float capped_derivative(float z, double softcap) {
  return z == kMinusInfinity ? 0.0f : static_cast<float>(core::softcap_derivative(z, softcap));
}

// For loops over single elements; the sweeps know no softcap and subtract.
class Distance {
 public:
  __device__ __forceinline__ Distance(float max, const RowPass& pass)
      : softcap_(pass.row.softcap),
        base_(finite_maximum(max)),
        capped_base_(softcap_ == 0 ? 0.0 : core::softcapped(base_, softcap_)) {}

  __device__ __forceinline__ float at(float z) const {
    return softcap_ == 0 ? z - base_ : capped_distance(z, capped_base_, softcap_);
  }
  // gradient * dz'/dz
  __device__ __forceinline__ float scaled_by_derivative(float z, float gradient) const {
    return softcap_ == 0 ? gradient : gradient * capped_derivative(z, softcap_);
  }

 private:
  double softcap_;
  float base_;
  double capped_base_;
};

}  // namespace lpreg::cuda
