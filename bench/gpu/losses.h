// The losses that the benchmark runs, one per way through the logits.
#pragma once

#include "include/lpreg.h"

namespace lpreg::bench {

struct Loss {
  const char* name;
  lpreg_loss_options options;
};

// GRPO and Lp-Reg in form kept need one pass; Lp-Reg with its default selection is split.
inline Loss grpo() {
  Loss loss{"grpo", {}};
  loss.options.struct_size = sizeof loss.options;
  loss.options.objective = LPREG_GRPO;
  loss.options.row.temperature = 1;
  loss.options.clip_low = loss.options.clip_high = 0.2;
  return loss;
}

inline Loss lp_reg(const char* name, int32_t objective) {
  Loss loss = grpo();
  loss.name = name;
  loss.options.objective = objective;
  loss.options.clip_low = 1;
  loss.options.clip_high = 9;
  loss.options.beta = 1;
  loss.options.row.proxy = LPREG_PROXY_CURRENT;
  loss.options.row.filter_kind = LPREG_FILTER_MIN_P;
  loss.options.row.filter_value = 0.02;
  if (objective == LPREG_LP_REG_PAPER) loss.options.rho = 0.01;
  if (objective == LPREG_LP_REG_KEPT) loss.options.estimator = LPREG_K3;
  return loss;
}

inline Loss lp_reg_kept() { return lp_reg("lp-reg kept", LPREG_LP_REG_KEPT); }
inline Loss lp_reg_paper() { return lp_reg("lp-reg paper", LPREG_LP_REG_PAPER); }

}  // namespace lpreg::bench
