// Launchers of the scalar stage and of everything else that works on one value per row. All pointers are the
// device's; functions return 0 or an error code for check_device().
#pragma once

#include "../core/loss_sums.h"
#include "../core/selection_rules.h"
#include "device_api.h"
#include "launch_shape.h"
#include "row_pass.h"
#include "rows.h"

namespace lpreg::cuda {

// What the batch must hold, checked row by row.
struct InputArguments {
  lpreg_batch batch;
  lpreg_snapshot snapshot;  // with batch.proxy_snapshot
  StatusWord* status;
  int64_t vocab_total;  // actions lie in [0, vocab_total)
  lpreg_scalar grad_output;
  const float* log_probs;  // of the scalar stage, NULL: none
  const float* entropies;
  const float* cotangent_log_prob;  // of the per-token operation, NULL: none
  const float* cotangent_entropy;
  const float* cotangent_kl;
  bool checks_actions, checks_objective;
};

struct SelectArguments {
  lpreg_loss_options options;
  lpreg_batch batch;
  const lpreg_row_state* states;  // NULL: from the batch's own arrays alone
  bool weights_only;
  uint64_t* keys;        // [rows]
  uint8_t* takes;        // [rows]
  uint8_t* preselected;  // [rows]
  uint8_t* candidates;   // [rows]
  double* log_ratios;    // [B]
  double* weights;       // [B]
  core::Selection* selection;
};

struct EvaluateArguments {
  lpreg_loss_options options;
  lpreg_batch batch;
  const core::Selection* selection;
  const lpreg_row_state* states;
  core::CoefficientArrays coefficients;
  core::RowResult* results;
  lpreg_token_outputs outputs;
  const uint8_t* only;  // [rows]: rows to evaluate; NULL: all
};

// Written by a finished forward pass at the head of the workspace, and asked for by a backward pass.
struct WorkspaceMark {
  uint64_t magic;
  int64_t rows;
};
constexpr uint64_t kWorkspaceMagic = 0x6c702d7265672032ull;

struct SummaryArguments {
  EvaluateArguments evaluated;
  StatusWord* status;
  lpreg_loss_result* result;  // NULL: none
  WorkspaceMark* mark;
  bool has_entropy, has_kl, report_non_finite;
  Check check;  // what an overflowed loss is reported as
};

// How the proxy of another policy enters the states.
struct ProxyArguments {
  RowPass pass;
  lpreg_snapshot snapshot;
  const lpreg_row_state* proxy_states;
  lpreg_row_state* states;
  bool want_kl;        // of every row ...
  bool want_negative;  // ... or of those with a negative advantage
};

struct TokenArguments {
  RowPass pass;
  lpreg_row_state* states;
  lpreg_token_outputs tokens;   // of the scalar stage: the caller's arrays
  lpreg_token_outputs outputs;  // of the per-token operation
  bool report_kl;
};

int launch_check_inputs(const InputArguments& arguments, void* stream);
int launch_check_mark(const WorkspaceMark* mark, int64_t rows, StatusWord* status, void* stream);
int launch_states_from_arrays(const TokenArguments& arguments, void* stream);
int launch_join_proxy(const DeviceFacts& facts, const ProxyArguments& arguments, void* stream);
int launch_write_statistics(const TokenArguments& arguments, void* stream);
int launch_select(const DeviceFacts& facts, const SelectArguments& arguments, void* stream);
int launch_evaluate(const EvaluateArguments& arguments, void* stream);
int launch_summarize(const DeviceFacts& facts, const SummaryArguments& arguments, void* stream);

}  // namespace lpreg::cuda
