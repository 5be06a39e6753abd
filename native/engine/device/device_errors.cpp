#include "device_errors.h"

#include <cstdio>

namespace lpreg {
namespace {

using cuda::Check;

struct Finding {
  lpreg_status status;
  const char* argument;
  const char* message;
};

constexpr char kFiniteOnValidRows[] = "must be finite on valid rows";
constexpr char kPositive[] = "must be finite and greater than 0";

Finding describe(Check check) {
  switch (check) {
    case Check::kWorkspace:
      return {LPREG_ERR_WORKSPACE, "workspace", "holds no forward pass of this batch"};
    case Check::kMask:
      return {LPREG_ERR_MASK, "mask", "must be 0 or 1"};
    case Check::kActions:
      return {LPREG_ERR_ACTION_RANGE, "actions", "must lie in [0, vocabulary) on valid rows"};
    case Check::kSnapshot:
      return {LPREG_ERR_SHAPE, "proxy_snapshot", "row_ptr, ids or log_q are not those of a snapshot"};
    case Check::kSequences:
      return {LPREG_ERR_SHAPE, "cu_seq_lens", "must ascend from 0 to the number of rows"};
    case Check::kChosen:
      return {LPREG_ERR_MASK, "chosen", "must be 0 or 1"};
    case Check::kThreshold:
      return {LPREG_ERR_OPTION, "prob_threshold", "must be finite and not negative"};
    case Check::kTokenCount:
      return {LPREG_ERR_OPTION, "token_count", kPositive};
    case Check::kSequenceCount:
      return {LPREG_ERR_OPTION, "sequence_count", kPositive};
    case Check::kMaxLength:
      return {LPREG_ERR_OPTION, "max_length", kPositive};
    case Check::kSequenceLengths:
      return {LPREG_ERR_OPTION, "sequence_lengths", kPositive};
    case Check::kAdvantages:
      return {LPREG_ERR_NON_FINITE_INPUT, "advantages", kFiniteOnValidRows};
    case Check::kOldLogProbs:
      return {LPREG_ERR_NON_FINITE_INPUT, "old_log_probs", kFiniteOnValidRows};
    case Check::kRefLogProbs:
      return {LPREG_ERR_NON_FINITE_INPUT, "ref_log_probs", kFiniteOnValidRows};
    case Check::kRolloutWeights:
      return {LPREG_ERR_NON_FINITE_INPUT, "rollout_weights", kFiniteOnValidRows};
    case Check::kProxyLogProbs:
      return {LPREG_ERR_NON_FINITE_INPUT, "proxy_log_probs", "must be finite or -inf on valid rows"};
    case Check::kLogProbs:
      return {LPREG_ERR_NON_FINITE_INPUT, "log_prob", kFiniteOnValidRows};
    case Check::kEntropies:
      return {LPREG_ERR_NON_FINITE_INPUT, "entropy", kFiniteOnValidRows};
    case Check::kCotangentLogProb:
      return {LPREG_ERR_NON_FINITE_INPUT, "d_log_prob", kFiniteOnValidRows};
    case Check::kCotangentEntropy:
      return {LPREG_ERR_NON_FINITE_INPUT, "d_entropy", kFiniteOnValidRows};
    case Check::kCotangentKl:
      return {LPREG_ERR_NON_FINITE_INPUT, "d_kl", kFiniteOnValidRows};
    case Check::kGradOutput:
      return {LPREG_ERR_NON_FINITE_INPUT, "grad_output", "must be finite"};
    case Check::kOldLogits:
      return {LPREG_ERR_NON_FINITE_LOGITS, "old_logits", "a valid row holds NaN, +inf or only -inf"};
    case Check::kLogits:
      return {LPREG_ERR_NON_FINITE_LOGITS, "logits",
              "a valid row holds NaN, +inf or only -inf, or its action is at -inf"};
    case Check::kLoss:
      return {LPREG_ERR_NON_FINITE_LOSS, "logits", "the loss or KL of a token is not finite"};
    case Check::kArrayLoss:
      return {LPREG_ERR_NON_FINITE_LOSS, "log_prob", "the loss or KL of a token is not finite"};
    case Check::kSnapshotCapacity:
      return {LPREG_ERR_SNAPSHOT_TOO_LARGE, "snapshot", "the kept sets do not fit into the capacity"};
    case Check::kKl:
      return {LPREG_ERR_NON_FINITE_LOSS, "logits", "KL(q||p) is infinite: a kept token is at -inf"};
  }
  return {LPREG_ERR_INTERNAL, "", "an unknown finding of a kernel"};
}

bool is_scalar(Check check) {
  return check == Check::kWorkspace || check == Check::kGradOutput ||
         (check >= Check::kThreshold && check <= Check::kMaxLength);
}

}  // namespace

void check_device(int code) {
  if (code == 0) return;
  if (cuda::is_out_of_memory(code))
    throw Failure{LPREG_ERR_OUT_OF_MEMORY, "device", -1, cuda::error_text(code)};
  if (!cuda::is_sticky(code)) throw Failure{LPREG_ERR_DEVICE, "device", -1, cuda::error_text(code)};
  static thread_local char text[200];
  snprintf(text, sizeof text,
           "%s; the device is lost to this process, and only a new process can use it again",
           cuda::error_text(code));
  throw Failure{LPREG_ERR_DEVICE, "device", -1, text};
}

void throw_finding(const cuda::StatusWord& status) {
  if (status.first == cuda::kNothingFound) return;
  const Check check = cuda::check_of(status.first);
  const Finding finding = describe(check);
  throw Failure{finding.status, finding.argument, is_scalar(check) ? -1 : cuda::index_of(status.first),
                finding.message, status.written != 0 ? LPREG_CONSUMED : LPREG_UNTOUCHED};
}

}  // namespace lpreg
