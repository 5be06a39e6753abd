// d = z' - max' for a pack of logits, with and without softcap, and e = exp(d / t).
#pragma once

#include "row_pass.h"
#include "row_sweep.cuh"

namespace lpreg::cuda {

// A row of nothing but -inf measures from 0, so that its elements still have e = 0.
__device__ __forceinline__ float finite_maximum(float max) { return max == kMinusInfinity ? 0.0f : max; }

// Lets NaN through.
__device__ __forceinline__ float at_least(float d, float lowest) { return d < lowest ? lowest : d; }

// exp(d / unit) of a d at or above scale.lowest. The product is rounded to float32: its relative error grows
// with |d|, but so does the distance of the term from those that matter.
__device__ __forceinline__ float fast_exp(float d, const ExpScale& scale) {
  return fast_exp2(d * scale.per_unit);
}

// The same without the product's rounding error, for the sums that log-prob and entropy are made of.
__device__ __forceinline__ float precise_exp(float d, const ExpScale& scale) {
  constexpr float kLn2 = 0.693147181f;
  const float product = d * scale.per_unit;
  const float lost = fmaf(d, scale.rest, fmaf(d, scale.per_unit, -product));
  const float e = fast_exp2(product);
  return fmaf(e, lost * kLn2, e);
}

// Out of line: the float64 tanh is long, and few models cap their logits.
__device__ __noinline__ inline float capped_distance(float z, double capped_base, double softcap) {
  return static_cast<float>(core::softcapped(z, softcap) - capped_base);
}
__device__ __noinline__ inline float capped_derivative(float z, double softcap) {
  return z == kMinusInfinity ? 0.0f : static_cast<float>(core::softcap_derivative(z, softcap));
}

template <bool kSoftcap>
class Distance;

template <>
class Distance<false> {
 public:
  __device__ __forceinline__ Distance(float max, const RowPass&) : base_(finite_maximum(max)) {}

  __device__ __forceinline__ float at(float z) const { return z - base_; }
  __device__ __forceinline__ float scaled_by_derivative(float, float gradient) const { return gradient; }

 private:
  float base_;
};

template <>
class Distance<true> {
 public:
  __device__ __forceinline__ Distance(float max, const RowPass& pass)
      : softcap_(pass.row.softcap), capped_base_(core::softcapped(finite_maximum(max), pass.row.softcap)) {}

  __device__ __forceinline__ float at(float z) const { return capped_distance(z, capped_base_, softcap_); }
  // gradient * dz'/dz
  __device__ __forceinline__ float scaled_by_derivative(float z, float gradient) const {
    return gradient * capped_derivative(z, softcap_);
  }

 private:
  double softcap_, capped_base_;
};

}  // namespace lpreg::cuda
