// Proxy snapshots: the kept sets of a policy's logits in compressed rows, for later calls that no longer have
// them.
#include <cmath>
#include <vector>

#include "row_loop.h"
#include "row_statistics.h"
#include "token_stats.h"
#include "validate.h"

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

std::vector<lpreg_row_state> snapshot_states(const RowCall& call) {
  check_row_options(call.options);
  if (call.options.proxy != LPREG_PROXY_CURRENT) {
    throw Failure{LPREG_ERR_OPTION, "proxy", -1,
                  "a snapshot is taken of the given logits: LPREG_PROXY_CURRENT"};
  }
  check_layout(call.batch);
  const BatchView view(call.batch);
  check_row_inputs(call.options, view, false);
  std::vector<lpreg_row_state> states(static_cast<size_t>(view.rows()));
  for_each_row(call.context, view.rows(), view.vocab(), call.call, LPREG_UNTOUCHED, [&](int64_t row, int) {
    lpreg_row_state& state = states[static_cast<size_t>(row)];
    state = core::masked_state();
    if (!view.valid(row)) return;
    const cpu::RowView logits = view.row_view(call.batch.logits, row);
    state = row_state(call.context.kernels, call.options, logits, kNoAction, false);
    if (call.options.softcap != 0) state.keep_count = count_passing(call.options, logits, state);
  });
  check_states(view, states.data(), nullptr, LPREG_UNTOUCHED);
  return states;
}

bool is_uniform(const lpreg_row_state& state) { return (state.flags & LPREG_ROW_UNIFORM) != 0; }

int64_t entries_of(const lpreg_row_state& state) { return is_uniform(state) ? 0 : state.keep_count; }

}  // namespace

int64_t snapshot_size(const RowCall& call) {
  int64_t entries = 0;
  for (const lpreg_row_state& state : snapshot_states(call)) entries += entries_of(state);
  return entries;
}

void snapshot_write(const RowCall& call, lpreg_snapshot* snapshot) {
  check_struct(snapshot, "snapshot");
  const std::vector<lpreg_row_state> states = snapshot_states(call);
  const BatchView view(call.batch);
  if (snapshot->rows != view.rows())
    throw Failure{LPREG_ERR_SHAPE, "snapshot", -1, "has another number of rows"};
  snapshot->row_ptr[0] = 0;
  for (int64_t row = 0; row < view.rows(); ++row) {
    const lpreg_row_state& state = states[static_cast<size_t>(row)];
    snapshot->row_ptr[row + 1] = snapshot->row_ptr[row] + entries_of(state);
    snapshot->uniform[row] = is_uniform(state);
    snapshot->log_kept_mass[row] = static_cast<float>(state.log_kept_mass);
    if (snapshot->row_ptr[row + 1] > snapshot->capacity) {
      throw Failure{LPREG_ERR_SNAPSHOT_TOO_LARGE, "snapshot", row,
                    "the kept sets do not fit into the capacity"};
    }
  }
  for_each_row(call.context, view.rows(), view.vocab(), call.call, LPREG_UNTOUCHED, [&](int64_t row, int) {
    const lpreg_row_state& state = states[static_cast<size_t>(row)];
    if (entries_of(state) == 0) return;
    const cpu::RowView logits = view.row_view(call.batch.logits, row);
    int64_t next = snapshot->row_ptr[row];
    for (int64_t v = 0; v < logits.count; ++v) {
      const float logit = load_element(logits.data, logits.dtype, v);
      const double offset = core::scaled_offset(logit, state.max, call.options);
      if (!core::offset_passes(call.options, logit, state.max, state.cut)) continue;
      snapshot->ids[next] = static_cast<int32_t>(v);
      snapshot->log_q[next++] = static_cast<float>(core::log_q(offset, state));
    }
  });
}

}  // namespace lpreg
