#include "loss.h"

#include <optional>
#include <vector>

#include "loss_rules.h"
#include "objective_stage.h"
#include "row_gradients.h"
#include "row_loop.h"
#include "row_statistics.h"
#include "selection_reach.h"
#include "validate.h"
#include "workspace.h"

namespace lpreg {
namespace {

const lpreg_row_state* proxy_state_of(const Workspace& workspace, int64_t row) {
  return workspace.proxy_states() == nullptr ? nullptr : workspace.proxy_states() + row;
}

void write_gradient_row(const Workspace& workspace, RowGradients* gradients, int64_t row, NextRow next,
                        double grad_output, int slot) {
  gradients->write(row, next, workspace.states()[row], proxy_state_of(workspace, row),
                   workspace.coefficients().scaled(row, grad_output), slot);
}

void evaluate_all(lpreg_context& context, ObjectiveStage* stage, const lpreg_row_state* states,
                  int64_t rows) {
  constexpr int64_t kElementsPerToken = 64;  // about what a token's objective costs, in elements of a sweep
  for_each_row(context, rows, kElementsPerToken, nullptr,
               [&](int64_t row, int) { stage->evaluate(row, states[row]); });
}

// The gradient of a finished forward pass.
void write_gradients(const LossCall& call, const Workspace& workspace, double grad_output,
                     const lpreg_matrix& gradient) {
  const BatchView view(call.batch);
  RowGradients gradients(call.context, call.options.row, view, gradient, 0, view.vocab());
  const auto is_read = [&](int64_t row) {
    return row != kNoRow && !core::all_zero(workspace.coefficients().scaled(row, grad_output));
  };
  const auto write_row = [&](int64_t row, int64_t next, int slot) {
    const NextRow ahead{is_read(next) ? next : kNoRow, cpu::Sweeps::kGradient};
    write_gradient_row(workspace, &gradients, row, ahead, grad_output, slot);
  };
  gradients.watch(
      [&] { for_each_row_back(call.context, view.rows(), view.row_cost(), call.call, write_row); });
}

// One evaluation of the whole loss: the passes over the rows, in the order that the objective allows.
class LossRun {
 public:
  LossRun(const LossCall& call, const lpreg_token_outputs* outputs)
      : call_(call),
        options_(call.options),
        view_(call.batch),
        workspace_(call.workspace, call.workspace_bytes, call.batch.rows, has_proxy_states(call.options)),
        stage_(options_, view_, outputs, workspace_.coefficients()),
        has_entropy_(wants_entropy(options_, outputs)),
        has_kl_(wants_kl(options_, outputs)),
        statistics_(call.context, options_.row, view_, has_entropy_) {}

  // Statistics of all rows, then the objective.
  void forward() {
    workspace_.begin();
    for_rows([&](int64_t row, int64_t next, int) { read_row(row, {next, cpu::Sweeps::kSums}); });
    check_logits();
    stage_.select(workspace_.states());
    evaluate_all(call_.context, &stage_, workspace_.states(), view_.rows());
    check_loss();
    workspace_.finish();
  }

  // Statistics, objective and gradient of each row while it is in the cache: the logits cross memory once.
  // Where the objective selects over the whole batch, the few rows that it may reach wait for a second pass.
  void single_pass(double grad_output, const lpreg_matrix& gradient) {
    workspace_.begin();
    const bool row_local = core::is_row_local(options_, call_.batch);
    if (row_local) {
      stage_.select(nullptr);
    } else {
      stage_.weigh();
    }
    std::vector<uint8_t> deferred(row_local ? 0 : static_cast<size_t>(view_.rows()));
    std::optional<SelectionReach> reach;
    if (!row_local) reach.emplace(options_, view_);
    RowGradients gradients(call_.context, options_.row, view_, gradient, 0, view_.vocab());
    const auto finish_row = [&](int64_t row, int64_t next, int slot) {
      const NextRow ahead{next, cpu::Sweeps::kSumsAndGradient};
      read_row(row, ahead);
      if (reach && may_be_selected(&*reach, row)) {
        deferred[static_cast<size_t>(row)] = 1;
        return;
      }
      stage_.evaluate(row, workspace_.states()[row]);
      write_gradient_row(workspace_, &gradients, row, ahead, grad_output, slot);
    };
    gradients.watch([&] {
      for_rows(finish_row);
      if (!row_local) write_deferred(deferred, &gradients, grad_output);
      check_logits();
      check_loss();
    });
    workspace_.finish();
  }

  void backward(double grad_output, const lpreg_matrix& gradient) {
    write_gradients(call_, workspace_, grad_output, gradient);
  }

  void summarize(lpreg_loss_result* result) const {
    if (result != nullptr) *result = stage_.summarize(workspace_.states(), has_entropy_, has_kl_);
  }

 private:
  template <class Body>
  void for_rows(const Body& body) {
    for_each_row_ahead(call_.context, view_.rows(), view_.row_cost(), call_.call, body);
  }

  void read_row(int64_t row, NextRow next) {
    lpreg_row_state& state = workspace_.states()[row];
    lpreg_row_state* proxy = workspace_.proxy_states() == nullptr ? nullptr : workspace_.proxy_states() + row;
    if (proxy != nullptr) *proxy = core::masked_state();
    if (!view_.valid(row)) {
      state = core::masked_state();
      return;
    }
    // The full KL can enter the loss only where the advantage is negative.
    const bool may_regularise = options_.objective == LPREG_LP_REG_PAPER && view_.advantage(row) < 0;
    state = statistics_.compute(row, next, has_kl_ || may_regularise, proxy);
  }

  // Every candidate must be shown to `reach`, whether it can be regularised or not.
  bool may_be_selected(SelectionReach* reach, int64_t row) const {
    const lpreg_row_state& state = workspace_.states()[row];
    if (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE)) return false;
    return reach->may_reach(row, state.log_prob) && stage_.may_be_selected(row, state);
  }

  void write_deferred(const std::vector<uint8_t>& deferred, RowGradients* gradients, double grad_output) {
    stage_.select(workspace_.states());
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < view_.rows(); ++row) {
      if (deferred[static_cast<size_t>(row)] != 0) rows.push_back(row);
    }
    for_each_row(call_.context, static_cast<int64_t>(rows.size()), view_.row_cost(), call_.call,
                 [&](int64_t i, int slot) {
                   const int64_t row = rows[static_cast<size_t>(i)];
                   stage_.evaluate(row, workspace_.states()[row]);
                   write_gradient_row(workspace_, gradients, row, {}, grad_output, slot);
                 });
  }

  void check_logits() const {
    if (options_.non_finite == LPREG_NON_FINITE_ERROR) {
      check_states(view_, workspace_.states(), workspace_.proxy_states());
    }
  }

  void check_loss() const {
    if (options_.non_finite == LPREG_NON_FINITE_PROPAGATE) return;
    const int64_t row = stage_.first_overflow(workspace_.states());
    if (row < 0) return;
    throw Failure{LPREG_ERR_NON_FINITE_LOSS, "logits", row, "the loss or KL of a token is not finite"};
  }

  const LossCall& call_;
  const lpreg_loss_options& options_;
  BatchView view_;
  Workspace workspace_;
  ObjectiveStage stage_;
  bool has_entropy_, has_kl_;
  RowStatistics statistics_;
};

void check_call(const LossCall& call) {
  check_loss_options(call.options);
  check_layout(call.batch);
}

double scale_of(const lpreg_scalar& grad_output) { return host_scalar(grad_output, 1, "grad_output"); }

}  // namespace

void check_forward(const LossCall& call) {
  check_call(call);
  const BatchView view(call.batch);
  check_row_inputs(call.options.row, view, true);
  check_objective_inputs(call.options, view);
}

void check_backward(const LossCall& call, const lpreg_scalar& grad_output, const lpreg_matrix& gradient) {
  check_call(call);
  check_row_inputs(call.options.row, BatchView(call.batch), true);
  check_gradient(call.batch, gradient);
  check_grad_output(grad_output, Memory::kHost);
}

void check_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                            const lpreg_matrix& gradient) {
  check_forward(call);
  check_gradient(call.batch, gradient);
  check_grad_output(grad_output, Memory::kHost);
}

void check_objective(const LossCall& call, const lpreg_token_outputs& tokens) {
  check_call(call);
  const BatchView view(call.batch);
  check_mask(call.batch);
  check_objective_inputs(call.options, view);
  if (view.rows() > 0) check_tokens(call.options, tokens);
  check_finite_rows(view, tokens.log_prob, "log_prob");
  check_finite_rows(view, tokens.entropy, "entropy");
}

size_t loss_workspace_size(const lpreg_loss_options& options, const lpreg_batch& batch) {
  check_loss_options(options);
  check_layout(batch);
  return Workspace::bytes_needed(batch.rows, has_proxy_states(options));
}

void loss_forward(const LossCall& call, const lpreg_token_outputs* outputs, lpreg_loss_result* result) {
  check_forward(call);
  check_outputs(call.batch, outputs, nullptr);
  LossRun run(call, outputs);
  run.forward();
  run.summarize(result);
}

void loss_backward(const LossCall& call, const lpreg_scalar& grad_output, const lpreg_matrix& gradient) {
  check_backward(call, grad_output, gradient);
  const Workspace workspace(call.workspace, call.workspace_bytes, call.batch.rows,
                            has_proxy_states(call.options));
  workspace.require_finished();
  write_gradients(call, workspace, scale_of(grad_output), gradient);
}

void loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                           const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                           lpreg_loss_result* result) {
  check_forward_backward(call, grad_output, gradient);
  check_outputs(call.batch, outputs, &gradient);
  const double scale = scale_of(grad_output);
  LossRun run(call, outputs);
  const bool one_pass = core::is_row_local(call.options, call.batch) || core::is_split(call.options);
  if (one_pass && may_write_early(call, gradient)) {
    run.single_pass(scale, gradient);
  } else {
    run.forward();
    run.backward(scale, gradient);
  }
  run.summarize(result);
}

void objective(const LossCall& call, const lpreg_token_outputs& tokens, const lpreg_token_outputs* outputs,
               lpreg_loss_result* result) {
  check_objective(call, tokens);
  check_outputs(call.batch, outputs, nullptr);
  const BatchView view(call.batch);
  Workspace workspace(call.workspace, call.workspace_bytes, call.batch.rows, has_proxy_states(call.options));
  ObjectiveStage stage(call.options, view, outputs, workspace.coefficients());
  lpreg_row_state* states = workspace.states();
  for (int64_t row = 0; row < view.rows(); ++row) {
    states[row] = view.valid(row) ? core::state_from_arrays(tokens, row) : core::masked_state();
  }
  stage.select(states);
  evaluate_all(call.context, &stage, states, view.rows());
  const int64_t row = stage.first_overflow(states);
  if (row >= 0 && call.options.non_finite == LPREG_NON_FINITE_ERROR) {
    throw Failure{LPREG_ERR_NON_FINITE_LOSS, "log_prob", row, "the loss or KL of a token is not finite"};
  }
  if (result != nullptr) *result = stage.summarize(states, tokens.entropy != nullptr, tokens.kl != nullptr);
}

}  // namespace lpreg
