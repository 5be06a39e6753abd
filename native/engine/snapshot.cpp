#include "snapshot.h"

#include "../core/snapshot_row.h"
#include "row_loop.h"
#include "row_statistics.h"

namespace lpreg {
namespace {

// With softcap the sweeps' tanh may differ from the scalar one in the last place, and with it a token on the
// cut; the snapshot counts by the rule that it writes by.
int32_t count_passing(const lpreg_row_options& options, cpu::RowView row, const lpreg_row_state& state) {
  int32_t count = 0;
  for (int64_t v = 0; v < row.count; ++v) {
    count += core::offset_passes(options, load_element(row.data, row.dtype, v), state.max, state.cut);
  }
  return count;
}

void compute_states(const RowCall& call, lpreg_row_state* states) {
  check_snapshot_inputs(call, states);
  const BatchView view(call.batch);
  for_each_row(call.context, view.rows(), view.row_cost(), call.call, [&](int64_t row, int) {
    lpreg_row_state& state = states[row];
    state = core::masked_state();
    if (!view.valid(row)) return;
    const cpu::RowView logits = view.row_view(call.batch.logits, row);
    state = row_state(call.context.kernels, call.options, logits, kNoAction, false);
    const bool counted = call.options.softcap == 0 || (state.flags & LPREG_ROW_NON_FINITE) != 0;
    if (!counted) state.keep_count = count_passing(call.options, logits, state);
  });
  check_states(view, states, nullptr);
}

}  // namespace

void check_snapshot_call(const RowCall& call, const lpreg_row_state* states, Memory memory) {
  check_row_options(call.options);
  if (call.options.proxy != LPREG_PROXY_CURRENT) {
    throw Failure{LPREG_ERR_OPTION, "proxy", -1,
                  "a snapshot is taken of the given logits: LPREG_PROXY_CURRENT"};
  }
  check_layout(call.batch, memory);
  check_row_pointers(call.options, call.batch, false);
  check_row_states(call, states, nullptr);
}

void check_snapshot_target(const RowCall& call, const lpreg_snapshot* snapshot) {
  check_struct(snapshot, "snapshot");
  check_snapshot_arrays(*snapshot, call.batch.rows, "snapshot");
}

void check_snapshot_inputs(const RowCall& call, const lpreg_row_state* states) {
  check_snapshot_call(call, states, Memory::kHost);
  check_mask(call.batch);
  if (call.batch.actions != nullptr) check_actions(BatchView(call.batch), call.batch.vocab);
}

int64_t count_entries(const lpreg_row_state* states, int64_t rows) {
  int64_t entries = 0;
  for (int64_t row = 0; row < rows; ++row) entries += core::snapshot_entries(states[row]);
  return entries;
}

void write_rows(const lpreg_row_state* states, const lpreg_snapshot* snapshot) {
  int64_t too_large = -1;
  snapshot->row_ptr[0] = 0;
  for (int64_t row = 0; row < snapshot->rows; ++row) {
    const lpreg_row_state& state = states[row];
    snapshot->row_ptr[row + 1] = snapshot->row_ptr[row] + core::snapshot_entries(state);
    snapshot->uniform[row] = core::is_uniform(state);
    snapshot->log_kept_mass[row] = static_cast<float>(state.log_kept_mass);
    if (too_large < 0 && snapshot->row_ptr[row + 1] > snapshot->capacity) too_large = row;
  }
  if (too_large < 0) return;
  throw Failure{LPREG_ERR_SNAPSHOT_TOO_LARGE, "snapshot", too_large,
                "the kept sets do not fit into the capacity"};
}

int64_t snapshot_size(const RowCall& call, lpreg_row_state* states) {
  compute_states(call, states);
  return count_entries(states, call.batch.rows);
}

void snapshot_write(const RowCall& call, lpreg_row_state* states, lpreg_snapshot* snapshot) {
  check_snapshot_target(call, snapshot);
  compute_states(call, states);
  write_rows(states, snapshot);
  const BatchView view(call.batch);
  for_each_row(call.context, view.rows(), view.row_cost(), call.call, [&](int64_t row, int) {
    const lpreg_row_state& state = states[row];
    if (core::snapshot_entries(state) == 0) return;
    const cpu::RowView logits = view.row_view(call.batch.logits, row);
    int64_t next = snapshot->row_ptr[row];
    for (int64_t v = 0; v < logits.count; ++v) {
      const float logit = load_element(logits.data, logits.dtype, v);
      if (!core::offset_passes(call.options, logit, state.max, state.cut)) continue;
      snapshot->ids[next] = static_cast<int32_t>(v);
      snapshot->log_q[next++] = core::snapshot_log_q(call.options, state, logit);
    }
  });
}

}  // namespace lpreg
