// Sampled KL estimators (SEMANTICS §5): value and derivative by logProb, clamped to [-10, 10].
#pragma once

#include <cmath>

#include "row_math.h"

namespace lpreg::core {

constexpr double kKlBound = 10;

struct KlEstimate {
  double value, derivative;  // derivative by logProb; 0 where the clamp acts
};

LPREG_HD KlEstimate kl_estimate(int32_t estimator, double target, double log_prob) {
  const double d = target - log_prob;
  KlEstimate estimate{0, 0};
  switch (estimator) {
    case LPREG_K1:
      estimate = {-d, 1};
      break;
    case LPREG_ABS:
      estimate = {fabs(d), d > 0 ? -1.0 : (d < 0 ? 1.0 : 0.0)};
      break;
    case LPREG_K2:
      estimate = {0.5 * d * d, -d};
      break;
    default: {
      const double growth = expm1(d);  // may overflow: the clamp below takes it
      estimate = {growth - d, -growth};
    }
  }
  if (estimate.value > kKlBound) return {kKlBound, 0};
  if (estimate.value < -kKlBound) return {-kKlBound, 0};
  return estimate;
}

}  // namespace lpreg::core
