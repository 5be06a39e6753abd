#include "device_passes.h"

namespace lpreg {

cuda::RowPass over(cuda::RowPass pass, const RowChunk& chunk) {
  pass.batch.logits = chunk.logits;
  pass.batch.old_logits = chunk.old_logits;
  pass.first_row = static_cast<uint32_t>(chunk.first);
  pass.row_count = chunk.count;
  return pass;
}

cuda::RowPass current_pass(const DeviceStream& on, const lpreg_row_options& options,
                           const lpreg_batch& batch) {
  const bool own_proxy = options.proxy == LPREG_PROXY_CURRENT;
  return cuda::row_pass(batch, own_proxy ? options : core::without_filter(options), on.status);
}

void run_statistics(const DeviceStream& on, RowSource* rows, const lpreg_row_options& options,
                    const lpreg_batch& batch, KlWanted kl, bool report_non_finite, lpreg_row_state* states,
                    lpreg_row_state* proxy_states) {
  const bool from_old = options.proxy == LPREG_PROXY_OLD;
  rows->for_each_chunk({from_old, false, nullptr}, [&](const RowChunk& chunk) {
    cuda::StatesArguments current{};
    current.pass = over(current_pass(on, options, batch), chunk);
    current.states = states;
    current.check = cuda::Check::kLogits;
    current.report_non_finite = report_non_finite;
    check_device(cuda::launch_states(on.facts, current, chunk.stream));
    if (from_old) {
      cuda::StatesArguments old = current;
      old.pass = over(cuda::row_pass(batch, options, on.status), chunk);
      old.pass.batch.logits = chunk.old_logits;
      old.pass.of_current_policy = false;
      old.states = proxy_states;
      old.check = cuda::Check::kOldLogits;
      check_device(cuda::launch_states(on.facts, old, chunk.stream));
    }
    if (!from_old && options.proxy != LPREG_PROXY_SNAPSHOT) return;
    const cuda::ProxyArguments proxy{current.pass, snapshot_of(batch), proxy_states,
                                     states,       kl.everywhere,      kl.where_negative};
    check_device(cuda::launch_join_proxy(on.facts, proxy, chunk.stream));
  });
}

void run_token_stats(const DeviceStream& on, RowSource* rows, const lpreg_row_options& options,
                     const lpreg_batch& batch, int32_t non_finite, lpreg_row_state* states,
                     lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) {
  const bool reports = non_finite == LPREG_NON_FINITE_ERROR;
  const bool wants_kl = outputs != nullptr && outputs->kl != nullptr;
  run_statistics(on, rows, options, batch, {wants_kl, false}, reports, states, proxy_states);
  if (outputs == nullptr) return;
  cuda::TokenArguments arguments{};
  arguments.pass = cuda::row_pass(batch, options, on.status);
  arguments.states = states;
  arguments.outputs = *outputs;
  arguments.report_kl = reports && wants_kl;
  check_device(cuda::launch_write_statistics(arguments, on.stream));
}

void run_gradient(const DeviceStream& on, RowSource* rows, const cuda::RowPass& pass,
                  const GradientInputs& inputs) {
  const bool from_old = pass.row.proxy == LPREG_PROXY_OLD;
  rows->for_each_chunk({from_old, true, inputs.only}, [&](const RowChunk& chunk) {
    cuda::GradientArguments arguments{};
    arguments.pass = over(pass, chunk);
    arguments.states = inputs.states;
    arguments.proxy_states = inputs.proxy_states;
    arguments.snapshot = snapshot_of(pass.batch);
    arguments.coefficient_log_prob = inputs.coefficients.log_prob;
    arguments.coefficient_entropy = inputs.coefficients.entropy;
    arguments.coefficient_kl = inputs.coefficients.kl;
    arguments.grad_output = inputs.grad_output;
    arguments.gradient = chunk.gradient;
    arguments.only = inputs.only;
    check_device(cuda::launch_gradient(on.facts, arguments, chunk.stream));
  });
}

}  // namespace lpreg
