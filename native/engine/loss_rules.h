// What an evaluation of the whole loss needs, and in which order it may write: the same for every back end.
#pragma once

#include "loss.h"
#include "validate.h"

namespace lpreg {

inline bool has_proxy_states(const lpreg_loss_options& options) {
  return options.row.proxy == LPREG_PROXY_OLD;
}

inline bool wants_entropy(const lpreg_loss_options& options, const lpreg_token_outputs* outputs) {
  const bool asked = outputs != nullptr && outputs->entropy != nullptr;
  return asked || options.entropy_coef != 0 || options.objective == LPREG_TOP_ENTROPY;
}

inline bool wants_kl(const lpreg_loss_options& options, const lpreg_token_outputs* outputs) {
  return options.row.proxy == LPREG_PROXY_CURRENT || (outputs != nullptr && outputs->kl != nullptr);
}

// In place, or where the gradient is scratch, a row may be written before the later ones are known to be
// finite.
inline bool may_write_early(const LossCall& call, const lpreg_matrix& gradient) {
  if (call.options.check_first != 0) return false;
  if (call.options.non_finite == LPREG_NON_FINITE_PROPAGATE) return true;
  const bool scratch = call.call != nullptr && call.call->gradient_is_scratch != 0;
  return scratch || same_matrix(call.batch, gradient, call.batch.logits);
}

}  // namespace lpreg
