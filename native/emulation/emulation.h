// What kernels see under LPREG_EMULATION in place of CUDA: the names of cuda/platform.cuh, on the host.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "../core/half.h"
#include "../cuda/launch_shape.h"
#include "device_memory.h"
#include "execution.h"
#include "exp2.h"
#include "launch.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __grid_constant__

#define threadIdx (::lpreg::emulation::place->thread)
#define blockIdx (::lpreg::emulation::place->block)
#define blockDim (::lpreg::emulation::place->block_size)
#define gridDim (::lpreg::emulation::place->grid_size)
#define __syncthreads() ::lpreg::emulation::block_barrier(__FILE__, __LINE__)

#define SHARED_ARRAY(T, name, n)    \
  static const char name##_key = 0; \
  T(&name)                          \
  [n] = *reinterpret_cast<T(*)[n]>( \
      ::lpreg::emulation::static_shared(&name##_key, sizeof(T) * (n), alignof(T)))
#define DYN_SHARED(T, name) T* name = static_cast<T*>(::lpreg::emulation::dynamic_shared())

namespace lpreg::cuda {

struct alignas(16) Pack16 {
  uint32_t words[4];
};

inline Pack16 load16(const void* p) {
  emulation::check_access(p, sizeof(Pack16), false);
  return *static_cast<const Pack16*>(p);
}

inline void store16(void* p, const Pack16& value) {
  emulation::check_access(p, sizeof(Pack16), true);
  *static_cast<Pack16*>(p) = value;
}

// Shared memory's own store: no streaming, the same check.
inline void store16_shared(void* p, const Pack16& value) { store16(p, value); }

template <class T>
T load_element(const T* p) {
  emulation::check_access(p, sizeof(T), false);
  return *p;
}

template <class T>
void store_element(T* p, T value) {
  emulation::check_access(p, sizeof(T), true);
  *p = value;
}

inline float fast_exp2(float x) { return emulation::approximate_exp2(x); }

inline float maximum_or_nan(float a, float b) { return a > b || a != a ? a : b; }

inline float widen_float16(uint16_t bits) { return core::float16_to_float(bits); }
inline uint16_t narrow_float16(float value) { return core::float_to_float16(value); }
inline uint16_t narrow_bfloat16(float value) { return core::float_to_bfloat16(value); }

template <class T>
T shuffle_xor(T value, int lanes) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "a shuffle moves 4 or 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  const unsigned source = (emulation::place->lane ^ static_cast<unsigned>(lanes)) & 31u;
  bits = emulation::warp_shuffle(bits, source);
  memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t shuffle_next(uint32_t value) {
  const unsigned lane = emulation::place->lane;
  return static_cast<uint32_t>(emulation::warp_shuffle(value, lane == 31 ? lane : lane + 1));
}

inline uint32_t funnel_shift(uint32_t low, uint32_t high, uint32_t bits) {
  return static_cast<uint32_t>((uint64_t{high} << 32 | low) >> bits);
}

// Atomic in fact too, so that TSan knows them for what they are.
inline void atomic_add(uint32_t* p, uint32_t value) { __atomic_fetch_add(p, value, __ATOMIC_RELAXED); }

inline void atomic_min(unsigned long long* p, unsigned long long value) {
  unsigned long long seen = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (value < seen &&
         !__atomic_compare_exchange_n(p, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

inline uint32_t cluster_size() { return emulation::place->cluster_size; }
inline uint32_t cluster_rank() { return emulation::place->cluster_rank; }

inline void cluster_sync(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (emulation::is_left_out(file, line)) return;
  emulation::cluster_arrive();
  emulation::cluster_wait();
}

template <class T>
T* cluster_peer(T* shared, uint32_t rank) {
  return static_cast<T*>(emulation::remote_shared(shared, rank));
}

template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), const LaunchShape& shape, void* stream, Arguments&&... arguments) {
  return emulation::launch_kernel(kernel, shape, stream,
                                  std::tuple<Parameters...>(std::forward<Arguments>(arguments)...));
}

}  // namespace lpreg::cuda
