#include "host_call.h"

namespace lpreg {

HostCall::HostCall(HostTensorMemory* memory, const cuda::DeviceFacts& facts, lpreg_context& context,
                   const lpreg_batch& batch, const lpreg_matrix* gradient, const lpreg_call* call)
    : lock_(memory->mutex),
      memory_(*memory),
      facts_(facts),
      batch_(batch),
      snapshot_(snapshot_of(batch)),
      rows_(context, batch, gradient, call, &memory->staging, memory->bound, memory->stream()) {
  if (call->stream != nullptr) {
    throw Failure{LPREG_ERR_OPTION_WITHOUT_EFFECT, "stream", -1, "a call over host memory uses its own"};
  }
  if (batch.proxy_snapshot != nullptr) batch_.proxy_snapshot = &snapshot_;
  mirror_.add_scratch(&status_, 1);
}

HostCall::~HostCall() {
  if (finished_) return;
  memory_.staging.wait_quietly();
  cuda::synchronize(memory_.stream());
}

void HostCall::add_layout_arrays() {
  mirror_.add(&batch_.cu_seq_lens, batch_.sequences + 1, Copied::kIn);
  mirror_.add(&batch_.mask, batch_.rows, Copied::kIn);
}

void HostCall::add_row_arrays() {
  add_layout_arrays();
  const int64_t rows = batch_.rows;
  const size_t action_bytes = batch_.action_dtype == LPREG_INT64 ? sizeof(int64_t) : sizeof(int32_t);
  mirror_.add_bytes(static_cast<void*>(&batch_.actions), batch_.actions,
                    action_bytes * static_cast<size_t>(rows), Copied::kIn);
  if (batch_.proxy_snapshot == nullptr || rows == 0) return;
  const int64_t entries = snapshot_.row_ptr[rows];
  mirror_.add(&snapshot_.row_ptr, rows + 1, Copied::kIn);
  mirror_.add(&snapshot_.ids, entries, Copied::kIn);
  mirror_.add(&snapshot_.log_q, entries, Copied::kIn);
  mirror_.add(&snapshot_.log_kept_mass, rows, Copied::kIn);
  mirror_.add(&snapshot_.uniform, rows, Copied::kIn);
}

void HostCall::add_objective_arrays() {
  const int64_t rows = batch_.rows;
  const int64_t advantages = batch_.advantages_per_sequence != 0 ? batch_.sequences : rows;
  mirror_.add(&batch_.advantages, advantages, Copied::kIn);
  mirror_.add(&batch_.sequence_lengths, batch_.sequences, Copied::kIn);
  mirror_.add(&batch_.chosen, rows, Copied::kIn);
  for (const float** array :
       {&batch_.old_log_probs, &batch_.ref_log_probs, &batch_.rollout_weights, &batch_.proxy_log_probs}) {
    mirror_.add(array, rows, Copied::kIn);
  }
}

void HostCall::add_tokens(lpreg_token_outputs* t, Copied direction) {
  for (float** array :
       {&t->log_prob, &t->entropy, &t->log_kept_mass, &t->proxy_log_prob, &t->kl, &t->token_loss,
        &t->coef_log_prob, &t->coef_entropy, &t->coef_kl, &t->weight, &t->log_sum_exp}) {
    mirror_.add(array, batch_.rows, direction);
  }
  mirror_.add(&t->keep_count, batch_.rows, direction);
  for (uint8_t** array : {&t->action_is_max, &t->selected, &t->clipped, &t->dual_clipped, &t->candidate}) {
    mirror_.add(array, batch_.rows, direction);
  }
}

void HostCall::start() {
  void* stream = memory_.stream();
  mirror_.place(&memory_.arena, stream);
  const cuda::StatusWord clean{cuda::kNothingFound, 0};
  check_device(cuda::copy_to_device(status_, &clean, sizeof clean, stream));
  rows_.watch(status_);
}

void HostCall::run(const std::function<void()>& body) {
  const auto output_status = [this] { return rows_.has_written() ? LPREG_CONSUMED : LPREG_UNTOUCHED; };
  tell_output(output_status, [&] {
    start();
    body();
    rows_.settle();
    mirror_.fetch(memory_.stream());
    finished_ = true;
  });
}

}  // namespace lpreg
