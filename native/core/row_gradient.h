// The gradient of a row (SEMANTICS §2) as the few constants that a sweep applies to every element, and the
// action's own element apart.
//   dL/dz_v = (1/t) [ c_logp (1[v=a] - p_v) - c_ent p_v (log p_v + H) + c_kl (p_v - q_v) ]
#pragma once

#include <cmath>

#include "row_math.h"

namespace lpreg::core {

struct RowCoefficients {
  double log_prob, entropy, kl;  // dL/dlogProb, dL/dH, dL/dKL
};

LPREG_HD bool all_zero(const RowCoefficients& c) { return c.log_prob == 0 && c.entropy == 0 && c.kl == 0; }

// g_v = e_v * ((d_v >= cut ? kept : dropped) + slope * d_v) + constant - proxy_scale * q_v, with d = z - max
// and e = exp(d/t); q only for a proxy of the old policy.
struct RowGradient {
  double kept, dropped, slope, constant, proxy_scale;
};

LPREG_HD RowGradient row_gradient(const lpreg_row_options& options, const lpreg_row_state& state,
                                  const RowCoefficients& c, int64_t vocab) {
  const double inverse_t = 1 / options.temperature;
  const double scale = inverse_t * exp(-state.log_sum_exp);  // turns e into p/t
  // log p + H = d/t + (H - lse): H - lse is the small difference that stays precise near p = 1.
  const double base = -c.log_prob - (c.entropy == 0 ? 0 : c.entropy * (state.entropy - state.log_sum_exp));
  RowGradient gradient;
  gradient.kept = gradient.dropped = scale * (base + c.kl);
  gradient.slope = -scale * c.entropy * inverse_t;
  gradient.constant = gradient.proxy_scale = 0;
  if (c.kl == 0) return gradient;
  if (state.flags & LPREG_ROW_UNIFORM) {
    gradient.constant = -inverse_t * c.kl / static_cast<double>(vocab);
  } else if (options.proxy == LPREG_PROXY_CURRENT) {
    gradient.kept = scale * (base - c.kl * expm1(-state.log_kept_mass));  // p - p/Z = -p expm1(-log Z)
  } else {
    gradient.proxy_scale = inverse_t * c.kl;
  }
  return gradient;
}

// The action's element, in float64 so that 1 - p keeps its digits where p is near 1.
LPREG_HD double action_gradient(const lpreg_row_options& options, const lpreg_row_state& state,
                                const RowCoefficients& c, float action_logit, int64_t vocab) {
  const double p = exp(state.log_prob);
  double sum = -c.log_prob * expm1(state.log_prob);
  if (c.entropy != 0) sum -= c.entropy * p * (state.log_prob + state.entropy);
  if (c.kl != 0) {
    if (state.flags & LPREG_ROW_UNIFORM) {
      sum += c.kl * (p - 1 / static_cast<double>(vocab));
    } else if (options.proxy == LPREG_PROXY_CURRENT) {
      sum += c.kl * p * (state.flags & LPREG_ROW_ACTION_KEPT ? -expm1(-state.log_kept_mass) : 1);
    } else {
      sum += c.kl * (p - exp(state.proxy_log_prob));
    }
  }
  return sum * softcap_derivative(action_logit, options.softcap) / options.temperature;
}

}  // namespace lpreg::core
