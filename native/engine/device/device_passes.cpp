#include "device_passes.h"

namespace lpreg {

cuda::RowPass current_pass(const DeviceStream& on, const lpreg_row_options& options,
                           const lpreg_batch& batch) {
  const bool own_proxy = options.proxy == LPREG_PROXY_CURRENT;
  return cuda::row_pass(batch, own_proxy ? options : core::without_filter(options), on.status);
}

void run_statistics(const DeviceStream& on, const lpreg_row_options& options, const lpreg_batch& batch,
                    KlWanted kl, bool report_non_finite, lpreg_row_state* states,
                    lpreg_row_state* proxy_states) {
  if (batch.rows == 0) return;
  cuda::StatesArguments current{};
  current.pass = current_pass(on, options, batch);
  current.states = states;
  current.check = cuda::Check::kLogits;
  current.report_non_finite = report_non_finite;
  check_device(cuda::launch_states(on.facts, current, on.stream));
  if (options.proxy == LPREG_PROXY_OLD) {
    cuda::StatesArguments old = current;
    old.pass = cuda::row_pass(batch, options, on.status);
    old.pass.batch.logits = batch.old_logits;
    old.pass.of_current_policy = false;
    old.states = proxy_states;
    old.check = cuda::Check::kOldLogits;
    check_device(cuda::launch_states(on.facts, old, on.stream));
  }
  if (options.proxy != LPREG_PROXY_OLD && options.proxy != LPREG_PROXY_SNAPSHOT) return;
  const cuda::ProxyArguments proxy{current.pass, snapshot_of(batch), proxy_states,
                                   states,       kl.everywhere,      kl.where_negative};
  check_device(cuda::launch_join_proxy(on.facts, proxy, on.stream));
}

void run_gradient(const DeviceStream& on, const cuda::RowPass& pass, const GradientInputs& inputs,
                  const lpreg_matrix& gradient) {
  const lpreg_batch& batch = pass.batch;
  if (batch.rows == 0) return;
  cuda::GradientArguments arguments{};
  arguments.pass = pass;
  arguments.states = inputs.states;
  arguments.proxy_states = inputs.proxy_states;
  arguments.snapshot = snapshot_of(batch);
  arguments.coefficient_log_prob = inputs.coefficients.log_prob;
  arguments.coefficient_entropy = inputs.coefficients.entropy;
  arguments.coefficient_kl = inputs.coefficients.kl;
  arguments.grad_output = inputs.grad_output;
  arguments.gradient = gradient;
  arguments.only = inputs.only;
  check_device(cuda::launch_gradient(on.facts, arguments, on.stream));
}

}  // namespace lpreg
