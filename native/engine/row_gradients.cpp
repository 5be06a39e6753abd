#include "row_gradients.h"

#include <cmath>
#include <cstring>

#include "row_statistics.h"

namespace lpreg {
namespace {

constexpr int64_t kElementsPastCaches = int64_t{1} << 23;  // 32 MiB of float32

}  // namespace

RowGradients::RowGradients(const lpreg_context& context, const lpreg_row_options& options,
                           const BatchView& view, const lpreg_matrix& gradient, int64_t vocab_start,
                           int64_t vocab_total)
    : kernels_(context.kernels),
      options_(options),
      view_(view),
      gradient_(gradient),
      vocab_start_(vocab_start),
      vocab_total_(vocab_total),
      past_caches_(gradient.data != view.batch().logits.data &&
                   view.rows() * view.vocab() >= kElementsPastCaches) {
  if (options.proxy == LPREG_PROXY_OLD || options.proxy == LPREG_PROXY_SNAPSHOT) {
    scratch_.resize(static_cast<size_t>(context.pool.threads()) * static_cast<size_t>(view.vocab()));
  }
}

// Mostly reads, so that the threads share the line it lies on.
void RowGradients::note_write() {
  if (!written_.load(std::memory_order_relaxed)) written_.store(true, std::memory_order_relaxed);
}

void RowGradients::fill(int64_t row, float value) {
  void* out = view_.row_data(gradient_, row);
  if (value == 0) {
    std::memset(out, 0, static_cast<size_t>(view_.vocab() * element_size(gradient_.dtype)));
    return;
  }
  for (int64_t v = 0; v < view_.vocab(); ++v) store_element(out, gradient_.dtype, v, value);
}

// q of an old policy as a dense row; nullptr where it is uniform, which the gradient's constant covers.
const float* RowGradients::dense_proxy(int64_t row, const lpreg_row_state* proxy_state, int slot) {
  const lpreg_batch& batch = view_.batch();
  float* q = scratch_.data() + static_cast<int64_t>(slot) * batch.vocab;
  if (options_.proxy == LPREG_PROXY_OLD) {
    const double scale = std::exp(-proxy_state->log_sum_exp - proxy_state->log_kept_mass);
    kernels_.fill_proxy(view_.row_view(batch.old_logits, row), exp_params(options_), proxy_state->max,
                        proxy_state->cut, scale, q);
    return q;
  }
  const lpreg_snapshot& snapshot = *batch.proxy_snapshot;
  std::memset(q, 0, static_cast<size_t>(batch.vocab) * sizeof(float));
  for (int64_t k = snapshot.row_ptr[row]; k < snapshot.row_ptr[row + 1]; ++k) {
    q[snapshot.ids[k]] = std::exp(snapshot.log_q[k]);
  }
  return q;
}

void RowGradients::write(int64_t row, NextRow next, const lpreg_row_state& state,
                         const lpreg_row_state* proxy_state, const core::RowCoefficients& coefficients,
                         int slot) {
  note_write();
  if ((state.flags & LPREG_ROW_MASKED) || core::all_zero(coefficients)) return fill(row, 0);
  const double sum = coefficients.log_prob + coefficients.entropy + coefficients.kl;
  if ((state.flags & LPREG_ROW_NON_FINITE) || std::isnan(sum)) return fill(row, NAN);

  const core::RowGradient constants = core::row_gradient(options_, state, coefficients, vocab_total_);
  const cpu::RowView logits = view_.row_view(view_.batch().logits, row, next);
  const float* proxy = constants.proxy_scale != 0 ? dense_proxy(row, proxy_state, slot) : nullptr;
  const cpu::GradientParams params{exp_params(options_),
                                   state.max,
                                   state.cut,
                                   constants.kept,
                                   constants.dropped,
                                   constants.slope,
                                   constants.constant,
                                   constants.proxy_scale,
                                   proxy,
                                   past_caches_};
  const int64_t action = view_.batch().actions == nullptr ? kNoAction : view_.action(row) - vocab_start_;
  const bool action_here = action >= 0 && action < logits.count;
  // In place, the sweep overwrites the action's logit.
  const float action_logit = action_here ? load_element(logits.data, logits.dtype, action) : 0;
  void* out = view_.row_data(gradient_, row);
  kernels_.gradient(logits, params, out, gradient_.dtype);
  if (!action_here) return;
  const double element = core::action_gradient(options_, state, coefficients, action_logit, vocab_total_);
  store_element(out, gradient_.dtype, action, static_cast<float>(element));
}

}  // namespace lpreg
