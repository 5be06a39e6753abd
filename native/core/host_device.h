// Marks functions that both back ends compile: plain C++ for the CPU, __host__ __device__ under nvcc.
#pragma once

#include <cmath>

#if defined(__CUDACC__)
#define LPREG_HD __host__ __device__ __forceinline__
#else
#define LPREG_HD inline
#endif

#if defined(__CUDA_ARCH__)
namespace lpreg::core {

// nvcc would inline the whole of each function at each call. The closed forms are the work of single threads:
// one copy per kernel keeps the kernels small. Unqualified calls in this namespace find these first.
__device__ __noinline__ inline double exp(double x) { return ::exp(x); }
__device__ __noinline__ inline double expm1(double x) { return ::expm1(x); }
__device__ __noinline__ inline double log(double x) { return ::log(x); }
__device__ __noinline__ inline double log1p(double x) { return ::log1p(x); }
__device__ __noinline__ inline double tanh(double x) { return ::tanh(x); }

}  // namespace lpreg::core
#endif
