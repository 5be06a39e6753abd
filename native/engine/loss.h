// The whole loss and the scalar stage behind the C ABI's functions of the same names.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

size_t loss_workspace_size(const lpreg_loss_options& options, const lpreg_batch& batch);

struct LossCall {
  lpreg_context& context;
  const lpreg_loss_options& options;
  const lpreg_batch& batch;
  void* workspace;
  size_t workspace_bytes;
  const lpreg_call* call;
};

// All checks of a call over host memory, before anything is computed.
void check_forward(const LossCall& call);
void check_backward(const LossCall& call, const lpreg_scalar& grad_output, const lpreg_matrix& gradient);
void check_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                            const lpreg_matrix& gradient);
void check_objective(const LossCall& call, const lpreg_token_outputs& tokens);

void loss_forward(const LossCall& call, const lpreg_token_outputs* outputs, lpreg_loss_result* result);
void loss_backward(const LossCall& call, const lpreg_scalar& grad_output, const lpreg_matrix& gradient);
void loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                           const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                           lpreg_loss_result* result);
void objective(const LossCall& call, const lpreg_token_outputs& tokens, const lpreg_token_outputs* outputs,
               lpreg_loss_result* result);

}  // namespace lpreg
