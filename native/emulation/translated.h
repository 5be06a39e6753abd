// What the C++ that scripts/cuda/ptx-to-cpp.py writes from PTX calls. A register is a uint64_t that holds the
// bits of whatever type an instruction gives it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "execution.h"
#include "exp2.h"
#include "launch.h"

namespace lpreg::emulation::translated {

template <class T>
T from_bits(uint64_t bits) {
  T value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
uint64_t to_bits(T value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof value);
  return bits;
}

inline void check_alignment(uint64_t address, unsigned bytes) {
  if (address % bytes != 0)
    violation("misaligned", "PTX accesses " + std::to_string(bytes) + " bytes at a misaligned address");
}

template <class T>
T load(uint64_t address) {
  return *reinterpret_cast<const T*>(address);
}

template <class T>
void store(uint64_t address, T value) {
  *reinterpret_cast<T*>(address) = value;
}

// ---------------------------------------------------------------------------------------- rounding and
// conversion

inline float flush(float x) { return std::fabs(x) < 1.17549435e-38f ? std::copysign(0.0f, x) : x; }

inline float fma_down(float a, float b, float c) {
  const __float128 exact = static_cast<__float128>(a) * b + c;
  const float near = static_cast<float>(exact);
  return static_cast<__float128>(near) > exact ? std::nextafter(near, -HUGE_VALF) : near;
}

inline float saturated(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }  // NaN gives 0

// rcp.approx.ftz.f64 leaves the low word of the result 0.
inline double rough_reciprocal(double x) { return from_bits<double>(to_bits(1 / x) & 0xffffffff00000000ull); }

// Out of range, PTX saturates; NaN gives 0.
template <class Integer, class Float>
Integer to_integer(Float x) {
  if (x != x) return 0;
  const Float limit = std::ldexp(Float{1}, sizeof(Integer) * 8 - (Integer(-1) < 0 ? 1 : 0));
  if (x >= limit)
    return Integer(-1) < 0 ? static_cast<Integer>(~(uint64_t{1} << (sizeof(Integer) * 8 - 1))) : Integer(-1);
  if (x < (Integer(-1) < 0 ? -limit : Float{0})) {
    return Integer(-1) < 0 ? static_cast<Integer>(uint64_t{1} << (sizeof(Integer) * 8 - 1)) : Integer(0);
  }
  return static_cast<Integer>(x);
}

inline uint32_t permuted(uint32_t low, uint32_t high, uint32_t selector) {
  const uint64_t bytes = static_cast<uint64_t>(high) << 32 | low;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned choice = selector >> (4 * i) & 0xf;
    uint32_t byte = static_cast<uint32_t>(bytes >> (8 * (choice & 7))) & 0xff;
    if ((choice & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
    result |= byte << (8 * i);
  }
  return result;
}

inline uint64_t inserted(uint64_t field, uint64_t base, uint32_t position, uint32_t length) {
  const uint64_t mask = (length >= 64 ? ~uint64_t{0} : (uint64_t{1} << length) - 1) << position;
  return (base & ~mask) | (field << position & mask);
}

// --------------------------------------------------------------------------------------------- shuffles and
// atomics

inline uint32_t butterfly_shuffle(uint32_t value, uint32_t lanes, uint32_t clamp, uint32_t members) {
  if (clamp != 31 || members != 0xffffffffu)
    violation("absent-lane", "PTX shuffles among a part of the warp");
  return static_cast<uint32_t>(warp_shuffle(value, (place->lane ^ lanes) & 31u));
}

inline uint32_t down_shuffle(uint32_t value, uint32_t lanes, uint32_t clamp, uint32_t members) {
  if (clamp != 31 || members != 0xffffffffu)
    violation("absent-lane", "PTX shuffles among a part of the warp");
  return static_cast<uint32_t>(
      warp_shuffle(value, place->lane + lanes > 31 ? place->lane : place->lane + lanes));
}

template <class T>
T atomic_add(uint64_t address, T value) {
  return __atomic_fetch_add(reinterpret_cast<T*>(address), value, __ATOMIC_RELAXED);
}

template <class T>
T atomic_min(uint64_t address, T value) {
  T* p = reinterpret_cast<T*>(address);
  T seen = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (value < seen &&
         !__atomic_compare_exchange_n(p, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return seen;
}

}  // namespace lpreg::emulation::translated
