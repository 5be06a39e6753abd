// One evaluation of the whole loss on the device; the twin of LossRun in loss.cpp.
#pragma once

#include "../loss_rules.h"
#include "device_passes.h"
#include "device_workspace.h"

namespace lpreg {

// Whether statistics, objective and gradient of a row can be one pass.
bool is_fusable(const LossCall& call, const lpreg_matrix& gradient);

class DeviceLossRun {
 public:
  DeviceLossRun(const DeviceStream& on, RowSource* rows, const LossCall& call,
                const lpreg_token_outputs* outputs, lpreg_loss_result* result);

  void check_inputs(const lpreg_scalar& grad_output);

  // Statistics of all rows, then the objective.
  void forward();

  // The scalar stage alone, from the caller's arrays.
  void from_arrays(const lpreg_token_outputs& tokens);

  void single_pass(const lpreg_scalar& grad_output);

  // Of a finished forward pass; `only` as in RowUse.
  void backward(const lpreg_scalar& grad_output, const uint8_t* only);

 private:
  void select(const lpreg_row_state* states, bool weights_only);
  void evaluate(const uint8_t* only);
  void summarize(bool has_entropy, bool has_kl, bool mark);
  cuda::EvaluateArguments evaluate_arguments(const uint8_t* only) const;
  cuda::FusedArguments fused_arguments(const lpreg_scalar& grad_output, const RowChunk& chunk,
                                       bool row_local) const;
  bool reports() const { return call_.options.non_finite == LPREG_NON_FINITE_ERROR; }

  const DeviceStream& on_;
  RowSource* rows_;
  const LossCall& call_;
  const lpreg_batch& batch_;
  lpreg_token_outputs outputs_{};
  lpreg_loss_result* result_;
  DeviceWorkspace workspace_;
  bool has_entropy_, has_kl_;
};

}  // namespace lpreg
