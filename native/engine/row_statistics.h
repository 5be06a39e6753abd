// Statistics of whole rows: sweeps by the row kernels, closed forms by core/row_math.h.
#pragma once

#include "../core/row_math.h"
#include "batch_view.h"
#include "context.h"

namespace lpreg {

constexpr int64_t kNoAction = -1;

cpu::ExpParams exp_params(const lpreg_row_options& options);

// Element for the split statistics too: part (a) of one row, with the action's logit.
lpreg_row_part row_part(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                        int64_t action, bool want_entropy);
lpreg_row_kept row_kept(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                        float max, core::KeptRule rule);

// State of one row under the options' filter, with the proxy taken from this same row.
lpreg_row_state row_state(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                          int64_t action, bool want_entropy);

// States of a batch's rows, with the proxy from wherever the options say.
class RowStatistics {
 public:
  RowStatistics(const lpreg_context& context, const lpreg_row_options& options, const BatchView& view,
                bool want_entropy)
      : kernels_(context.kernels), options_(options), view_(view), want_entropy_(want_entropy) {}

  // `proxy_state` is written for LPREG_PROXY_OLD only. KL(q||p) to an old policy costs a sweep: want_kl.
  lpreg_row_state compute(int64_t row, NextRow next, bool want_kl, lpreg_row_state* proxy_state) const;

 private:
  void add_old_proxy(int64_t row, int64_t action, bool want_kl, lpreg_row_state* proxy_state,
                     lpreg_row_state* state) const;
  void add_stored_proxy(int64_t row, lpreg_row_state* state) const;
  void add_snapshot_proxy(int64_t row, int64_t action, bool want_kl, lpreg_row_state* state) const;
  double kl_of_uniform(int64_t row, const lpreg_row_state& state) const;

  const cpu::RowKernels& kernels_;
  const lpreg_row_options& options_;
  const BatchView& view_;
  bool want_entropy_;
};

// Throws for the first row whose logits, or whose old logits, are not usable.
void check_states(const BatchView& view, const lpreg_row_state* states, const lpreg_row_state* proxy_states);

}  // namespace lpreg
