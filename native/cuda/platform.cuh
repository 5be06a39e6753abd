// The few things that kernels ask of the machine, and the only place that names CUDA's own intrinsics. Under
// LPREG_EMULATION native/emulation provides the same names for the host, so that the very same .cu files run
// without a GPU.
//
// Kernel code keeps to: threadIdx.x, blockIdx.x, blockDim.x, gridDim.x, __syncthreads(), one-dimensional
// grids of whole warps, and the names below. Elements of logits and gradients are read and written through
// these functions only, which the emulation counts.
#pragma once

#include "launch_shape.h"

// Before a loop whose count is known: arrays that it indexes stay in registers.
#if defined(LPREG_EMULATION)
#define LPREG_UNROLL
#define LPREG_NO_UNROLL
#else
#define LPREG_UNROLL _Pragma("unroll")
#define LPREG_NO_UNROLL _Pragma("unroll 1")
#endif

#if defined(LPREG_EMULATION)
#include "../emulation/emulation.h"
#else

#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <utility>

// T name[n] in the block's shared memory; the kernel's dynamic shared memory as T*.
#define SHARED_ARRAY(T, name, n) __shared__ T name[n]
#define DYN_SHARED(T, name)                                       \
  extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
  T* name = reinterpret_cast<T*>(dynamic_shared)

// Below 9.0 every cluster is one block, and the code for several folds away.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define LPREG_HAS_CLUSTERS 1
#else
#define LPREG_HAS_CLUSTERS 0
#endif

namespace lpreg::cuda {

struct alignas(16) Pack16 {
  uint32_t words[4];
};

__device__ __forceinline__ Pack16 load16(const void* p) {
  const uint4 v = *static_cast<const uint4*>(p);
  return {{v.x, v.y, v.z, v.w}};
}
// Gradients are not read again soon: they may leave the cache first.
__device__ __forceinline__ void store16(void* p, const Pack16& v) {
  __stcs(static_cast<uint4*>(p), make_uint4(v.words[0], v.words[1], v.words[2], v.words[3]));
}
__device__ __forceinline__ void store16_shared(void* p, const Pack16& v) {
  *static_cast<uint4*>(p) = make_uint4(v.words[0], v.words[1], v.words[2], v.words[3]);
}
template <class T>
__device__ __forceinline__ T load_element(const T* p) {
  return *p;
}
template <class T>
__device__ __forceinline__ void store_element(T* p, T value) {
  *p = value;
}

// 2^x; about 2 ulp, results below the smallest normal number are 0.
__device__ __forceinline__ float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// The larger one; NaN if one of them is.
__device__ __forceinline__ float maximum_or_nan(float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
  return a > b || a != a ? a : b;
#else
  float larger;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
  return larger;
#endif
}

// The value of the lane whose number differs by `lanes`; all 32 lanes take part. T has 4 or 8 bytes.
template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int lanes) {
  return __shfl_xor_sync(0xffffffffu, value, lanes);
}

// The value of the lane whose number is one higher; all 32 lanes take part, the last one gets its own.
__device__ __forceinline__ uint32_t shuffle_next(uint32_t value) {
  return __shfl_down_sync(0xffffffffu, value, 1);
}

// The low word of high:low >> bits, for bits below 32.
__device__ __forceinline__ uint32_t funnel_shift(uint32_t low, uint32_t high, uint32_t bits) {
  return __funnelshift_r(low, high, bits);
}

// As core/half.h does it, by the machine's own conversions.
__device__ __forceinline__ float widen_float16(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
__device__ __forceinline__ uint16_t narrow_float16(float value) {
  return __half_as_ushort(__float2half_rn(value));
}
__device__ __forceinline__ uint16_t narrow_bfloat16(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

// Integers only: their sums do not depend on the order.
__device__ __forceinline__ void atomic_add(uint32_t* p, uint32_t value) { atomicAdd(p, value); }
__device__ __forceinline__ void atomic_min(unsigned long long* p, unsigned long long value) {
  atomicMin(p, value);
}

#if LPREG_HAS_CLUSTERS
__device__ __forceinline__ uint32_t cluster_size() { return cooperative_groups::this_cluster().num_blocks(); }
__device__ __forceinline__ uint32_t cluster_rank() { return cooperative_groups::this_cluster().block_rank(); }
__device__ __forceinline__ void cluster_sync() { cooperative_groups::this_cluster().sync(); }
// The same shared variable in another block of the cluster.
template <class T>
__device__ __forceinline__ T* cluster_peer(T* shared, uint32_t rank) {
  return cooperative_groups::this_cluster().map_shared_rank(shared, rank);
}
#else
__device__ __forceinline__ constexpr uint32_t cluster_size() { return 1; }
__device__ __forceinline__ constexpr uint32_t cluster_rank() { return 0; }
__device__ __forceinline__ void cluster_sync() {}
template <class T>
__device__ __forceinline__ T* cluster_peer(T* shared, uint32_t) {
  return shared;
}
#endif

// Starts kernel(arguments...) on the stream; 0 or a cudaError_t.
template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), const LaunchShape& shape, void* stream, Arguments&&... arguments) {
  if (shape.shared_limit > 0) {
    const cudaError_t allowed = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                     static_cast<int>(shape.shared_limit));
    if (allowed != cudaSuccess) return static_cast<int>(allowed);
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream);
  cudaLaunchAttribute cluster = {};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = static_cast<unsigned>(shape.cluster);
  cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  config.attrs = &cluster;
  config.numAttrs = shape.cluster > 1 ? 1 : 0;
  return static_cast<int>(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

}  // namespace lpreg::cuda

#endif
