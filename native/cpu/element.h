// Element types of a row in memory, and the macros that keep the row kernels of one instruction set out of
// the others.
#pragma once

#include <cstdint>

// Everything of a target_*.cpp is inlined into its few entry points: an out-of-line copy could be shared by
// the linker with code for older machines.
#define LPREG_INLINE inline __attribute__((always_inline))

#define LPREG_LAMBDA __attribute__((always_inline))

// What runs once per row or block is kept out of the loops, to keep the code small.
#define LPREG_OUT_OF_LOOP __attribute__((noinline))

#if defined(__clang__)
#define LPREG_UNROLL _Pragma("unroll")
#else
#define LPREG_UNROLL _Pragma("GCC unroll 8")
#endif

namespace lpreg::cpu {

struct Float16 {
  uint16_t bits;
};

struct BFloat16 {
  uint16_t bits;
};

}  // namespace lpreg::cpu
