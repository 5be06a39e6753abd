// The unit of an exponential exp(d / unit), and what its reduction to powers of two needs of it.
#pragma once

#include "element.h"

namespace lpreg::cpu {
namespace {

LPREG_INLINE double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

// Temperatures and caps beyond these bounds act like the bound; in between no constant of an exponential is
// subnormal or infinite.
constexpr double kSmallestUnit = 0x1p-80;
constexpr double kLargestUnit = 0x1p80;

LPREG_INLINE double bounded_unit(double unit) { return clamp(unit, kSmallestUnit, kLargestUnit); }

constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;

// A factor as a sum of two floats.
struct TwoFloats {
  explicit LPREG_INLINE TwoFloats(double x)
      : upper(static_cast<float>(x)), rest(static_cast<float>(x - static_cast<double>(upper))) {}
  float upper, rest;
};

}  // namespace
}  // namespace lpreg::cpu
