#include "exp2.h"

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "config.h"

namespace lpreg::emulation {

float approximate_exp2(float x) {
  const float y = exp2f(x);
  if (y < FLT_MIN) return 0;
  const Exp2Error error = config().exp2_error;
  if (error.units == 0 || !std::isfinite(y) || x == 0) return y;
  uint32_t input = 0, result = 0;
  std::memcpy(&input, &x, sizeof input);
  std::memcpy(&result, &y, sizeof result);
  int moves = error.units;
  if (error.seed != 0) {
    const uint64_t draw = (input + uint64_t{1}) * error.seed * 0x9e3779b97f4a7c15u >> 40;
    moves = static_cast<int>(draw % (2 * static_cast<uint64_t>(error.units) + 1)) - error.units;
  }
  result += static_cast<uint32_t>(moves);
  float moved = 0;
  std::memcpy(&moved, &result, sizeof moved);
  return moved < FLT_MIN ? 0 : moved;
}

}  // namespace lpreg::emulation
