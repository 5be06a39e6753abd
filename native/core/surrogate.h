// The clipped surrogate (SEMANTICS §3) with dual clip and two-sided clip.
#pragma once

#include <cmath>

#include "row_math.h"

namespace lpreg::core {

struct Surrogate {
  double loss, derivative;  // derivative by log r
  bool clipped, dual_clipped;
};

LPREG_HD double clamp(double value, double low, double high) {
  return value < low ? low : (value > high ? high : value);
}

// -A r and its derivative by log r; 0 for A = 0 even where r overflowed.
LPREG_HD Surrogate unclipped_surrogate(double log_ratio, double advantage) {
  if (advantage == 0) return {0, 0, false, false};
  const double loss = -advantage * exp(log_ratio);
  return {loss, loss, false, false};
}

// dual_clip 0 and ratio_cap 0 mean none.
LPREG_HD Surrogate clipped_surrogate(double log_ratio, double advantage, double clip_low, double clip_high,
                                     double dual_clip, double ratio_cap) {
  if (advantage == 0) return {0, 0, false, false};
  const double ratio = exp(log_ratio);
  const bool capped = ratio_cap > 0 && ratio > ratio_cap;
  const double free_loss = -advantage * (capped ? ratio_cap : ratio);
  const double bound_loss = -advantage * clamp(ratio, 1 - clip_low, 1 + clip_high);
  Surrogate result{free_loss, capped ? 0 : free_loss, false, false};
  if (bound_loss > free_loss) result = {bound_loss, 0, true, false};
  if (dual_clip > 0 && advantage < 0 && result.loss > -advantage * dual_clip) {
    result.loss = -advantage * dual_clip;
    result.derivative = 0;
    result.dual_clipped = true;
  }
  return result;
}

}  // namespace lpreg::core
