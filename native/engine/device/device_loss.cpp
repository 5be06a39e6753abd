#include "device_loss.h"

namespace lpreg {

bool is_fusable(const LossCall& call, const lpreg_matrix& gradient) {
  if (cuda::are_short(call.batch)) return false;
  // The fused kernel knows the current policy alone.
  const int32_t proxy = call.options.row.proxy;
  const bool one_row = proxy != LPREG_PROXY_OLD && proxy != LPREG_PROXY_SNAPSHOT;
  return one_row && (core::is_row_local(call.options, call.batch) || core::is_split(call.options)) &&
         may_write_early(call, gradient);
}

DeviceLossRun::DeviceLossRun(const DeviceStream& on, RowSource* rows, const LossCall& call,
                             const lpreg_token_outputs* outputs, lpreg_loss_result* result)
    : on_(on),
      rows_(rows),
      call_(call),
      batch_(call.batch),
      result_(result),
      workspace_(device_workspace(call.workspace, call.workspace_bytes, call.batch.rows, call.batch.sequences,
                                  has_proxy_states(call.options))),
      has_entropy_(wants_entropy(call.options, outputs)),
      has_kl_(wants_kl(call.options, outputs)) {
  if (outputs != nullptr) outputs_ = *outputs;
}

void DeviceLossRun::check_inputs(const lpreg_scalar& grad_output) {
  cuda::InputArguments arguments = input_arguments(on_, batch_);
  arguments.grad_output = grad_output;
  arguments.checks_actions = arguments.checks_objective = true;
  check_device(cuda::launch_check_inputs(arguments, on_.stream));
  check_device(cuda::set_zero(workspace_.mark, sizeof *workspace_.mark, on_.stream));
}

void DeviceLossRun::forward() {
  // The full KL can enter the loss only where the advantage is negative.
  const KlWanted kl{has_kl_, call_.options.objective == LPREG_LP_REG_PAPER};
  run_statistics(on_, rows_, call_.options.row, batch_, kl, reports(), workspace_.states,
                 workspace_.proxy_states);
  select(workspace_.states, false);
  evaluate(nullptr);
  summarize(has_entropy_, has_kl_, true);
}

void DeviceLossRun::from_arrays(const lpreg_token_outputs& tokens) {
  cuda::InputArguments inputs = input_arguments(on_, batch_);
  inputs.log_probs = tokens.log_prob;
  inputs.entropies = tokens.entropy;
  inputs.checks_objective = true;
  check_device(cuda::launch_check_inputs(inputs, on_.stream));
  if (batch_.rows > 0) {
    cuda::TokenArguments arguments{};
    arguments.pass = cuda::row_pass(batch_, call_.options.row, on_.status);
    arguments.states = workspace_.states;
    arguments.tokens = tokens;
    check_device(cuda::launch_states_from_arrays(arguments, on_.stream));
  }
  select(workspace_.states, false);
  evaluate(nullptr);
  summarize(tokens.entropy != nullptr, tokens.kl != nullptr, false);
}

void DeviceLossRun::single_pass(const lpreg_scalar& grad_output) {
  const bool row_local = core::is_row_local(call_.options, batch_);
  select(nullptr, !row_local);
  rows_->for_each_chunk({false, true, nullptr}, [&](const RowChunk& chunk) {
    check_device(cuda::launch_fused(on_.facts, fused_arguments(grad_output, chunk, row_local), chunk.stream));
  });
  if (!row_local) {
    select(workspace_.states, false);
    evaluate(workspace_.deferred);
    backward(grad_output, workspace_.deferred);
  }
  summarize(has_entropy_, has_kl_, true);
}

void DeviceLossRun::backward(const lpreg_scalar& grad_output, const uint8_t* only) {
  const core::CoefficientArrays& c = workspace_.coefficients;
  run_gradient(
      on_, rows_, cuda::row_pass(batch_, call_.options.row, on_.status),
      {workspace_.states, workspace_.proxy_states, {c.log_prob, c.entropy, c.kl}, grad_output, only});
}

void DeviceLossRun::select(const lpreg_row_state* states, bool weights_only) {
  cuda::SelectArguments arguments{};
  arguments.options = call_.options;
  arguments.batch = batch_;
  // Selections from the batch's arrays alone must not depend on whether the logits were already read.
  arguments.states = core::is_row_local(call_.options, batch_) ? nullptr : states;
  arguments.weights_only = weights_only;
  arguments.keys = workspace_.keys;
  arguments.takes = workspace_.takes;
  arguments.preselected = workspace_.preselected;
  arguments.candidates = workspace_.candidates;
  arguments.log_ratios = workspace_.log_ratios;
  arguments.weights = workspace_.weights;
  arguments.selection = workspace_.selection;
  check_device(cuda::launch_select(on_.facts, arguments, on_.stream));
}

cuda::EvaluateArguments DeviceLossRun::evaluate_arguments(const uint8_t* only) const {
  return {call_.options,
          batch_,
          workspace_.selection,
          workspace_.states,
          workspace_.coefficients,
          workspace_.results,
          outputs_,
          only};
}

void DeviceLossRun::evaluate(const uint8_t* only) {
  if (batch_.rows == 0) return;
  check_device(cuda::launch_evaluate(evaluate_arguments(only), on_.stream));
}

cuda::FusedArguments DeviceLossRun::fused_arguments(const lpreg_scalar& grad_output, const RowChunk& chunk,
                                                    bool row_local) const {
  cuda::FusedArguments arguments{};
  arguments.statistics.pass = over(current_pass(on_, call_.options.row, batch_), chunk);
  arguments.statistics.states = workspace_.states;
  arguments.statistics.check = cuda::Check::kLogits;
  arguments.statistics.report_non_finite = reports();
  arguments.options = call_.options;
  arguments.selection = workspace_.selection;
  arguments.coefficients = workspace_.coefficients;
  arguments.results = workspace_.results;
  arguments.outputs = outputs_;
  arguments.grad_output = grad_output;
  arguments.gradient = chunk.gradient;
  arguments.deferred = row_local ? nullptr : workspace_.deferred;
  return arguments;
}

void DeviceLossRun::summarize(bool has_entropy, bool has_kl, bool mark) {
  const cuda::SummaryArguments arguments{evaluate_arguments(nullptr),
                                         on_.status,
                                         result_,
                                         mark ? workspace_.mark : nullptr,
                                         has_entropy,
                                         has_kl,
                                         reports(),
                                         mark ? cuda::Check::kLoss : cuda::Check::kArrayLoss};
  check_device(cuda::launch_summarize(on_.facts, arguments, on_.stream));
}

}  // namespace lpreg
