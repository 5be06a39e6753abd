// d = z - max for a pack of logits, with and without softcap, and e = exp(d / t).
#pragma once

#include "row_pass.h"
#include "row_sweep.cuh"

namespace lpreg::cuda {

// A row of nothing but -inf measures from 0, so that its elements still have e = 0.
__device__ __forceinline__ float finite_maximum(float max) { return max == kMinusInfinity ? 0.0f : max; }

class Distance {
 public:
  __device__ __forceinline__ Distance(float max, double softcap)
      : base_(finite_maximum(max)),
        softcap_(softcap),
        capped_base_(softcap == 0 ? 0 : core::softcapped(base_, softcap)) {}

  __device__ __forceinline__ float at(float z) const {
    if (softcap_ == 0) return z - base_;
    return static_cast<float>(core::softcapped(z, softcap_) - capped_base_);
  }

  // One branch for the whole pack.
  template <int W>
  __device__ __forceinline__ void at(const float (&z)[W], float (&d)[W]) const {
    if (softcap_ == 0) {
      LPREG_UNROLL
      for (int i = 0; i < W; ++i) d[i] = z[i] - base_;
      return;
    }
    for (int i = 0; i < W; ++i) d[i] = at(z[i]);
  }

  // Multiplies a gradient by dz'/dz.
  template <int W>
  __device__ __forceinline__ void scale_by_derivative(const float (&z)[W], float (&g)[W]) const {
    if (softcap_ == 0) return;
    for (int i = 0; i < W; ++i) {
      if (z[i] == kMinusInfinity) {
        g[i] = 0;
      } else {
        g[i] *= static_cast<float>(core::softcap_derivative(z[i], softcap_));
      }
    }
  }

 private:
  float base_;
  double softcap_, capped_base_;
};

// Lets NaN through.
__device__ __forceinline__ float at_least(float d, float lowest) { return d < lowest ? lowest : d; }

// exp(d / unit) of a d at or above scale.lowest. The product is rounded to float32: its relative error grows with
// |d|, but so does the distance of the term from those that matter.
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

}  // namespace lpreg::cuda
