// Memory that is written and also read, or written twice. Addresses are compared, so it serves device batches
// too.
#include <cstring>

#include "validate.h"

namespace lpreg {
namespace {

struct Range {
  uintptr_t begin, end;
  const char* name;
};

bool is_empty(const Range& range) { return range.begin == range.end; }

bool overlap(const Range& a, const Range& b) {
  return !is_empty(a) && !is_empty(b) && a.begin < b.end && b.begin < a.end;
}

Range range_of(const void* data, int64_t count, size_t element, const char* name) {
  const auto begin = reinterpret_cast<uintptr_t>(data);
  return {begin, data == nullptr ? begin : begin + static_cast<uintptr_t>(count) * element, name};
}

Range range_of(const lpreg_batch& batch, const lpreg_matrix& matrix, const char* name) {
  const int64_t count = matrix.data == nullptr ? 0 : extent(batch, matrix, name);
  return range_of(matrix.data, count, static_cast<size_t>(element_size(matrix.dtype)), name);
}

template <class Visit>
void for_each_input(const lpreg_batch& batch, const Visit& visit) {
  const int64_t rows = batch.rows;
  const int64_t sequences = batch.sequences;
  visit(range_of(batch, batch.logits, "logits"));
  visit(range_of(batch, batch.old_logits, "old_logits"));
  visit(range_of(batch.actions, rows, batch.action_dtype == LPREG_INT64 ? 8 : 4, "actions"));
  visit(range_of(batch.cu_seq_lens, sequences + 1, sizeof(int64_t), "cu_seq_lens"));
  visit(range_of(batch.sequence_lengths, sequences, sizeof(double), "sequence_lengths"));
  visit(range_of(batch.advantages, batch.advantages_per_sequence != 0 ? sequences : rows, sizeof(float),
                 "advantages"));
  visit(range_of(batch.mask, rows, 1, "mask"));
  visit(range_of(batch.chosen, rows, 1, "chosen"));
  visit(range_of(batch.old_log_probs, rows, sizeof(float), "old_log_probs"));
  visit(range_of(batch.ref_log_probs, rows, sizeof(float), "ref_log_probs"));
  visit(range_of(batch.rollout_weights, rows, sizeof(float), "rollout_weights"));
  visit(range_of(batch.proxy_log_probs, rows, sizeof(float), "proxy_log_probs"));
}

template <class Visit>
void for_each_output(const lpreg_token_outputs& outputs, int64_t rows, const Visit& visit) {
  const auto of = [&](const auto* data, const char* name) {
    visit(range_of(data, rows, sizeof *data, name));
  };
  of(outputs.log_prob, "log_prob");
  of(outputs.entropy, "entropy");
  of(outputs.log_kept_mass, "log_kept_mass");
  of(outputs.proxy_log_prob, "proxy_log_prob");
  of(outputs.kl, "kl");
  of(outputs.token_loss, "token_loss");
  of(outputs.coef_log_prob, "coef_log_prob");
  of(outputs.coef_entropy, "coef_entropy");
  of(outputs.coef_kl, "coef_kl");
  of(outputs.weight, "weight");
  of(outputs.log_sum_exp, "log_sum_exp");
  of(outputs.keep_count, "keep_count");
  of(outputs.action_is_max, "action_is_max");
  of(outputs.selected, "selected");
  of(outputs.clipped, "clipped");
  of(outputs.dual_clipped, "dual_clipped");
  of(outputs.candidate, "candidate");
}

void check_apart(const Range& output, const Range& other, const char* message) {
  if (overlap(output, other)) throw Failure{LPREG_ERR_ALIAS, output.name, -1, message};
}

}  // namespace

void check_gradient(const lpreg_batch& batch, const lpreg_matrix& gradient) {
  check_matrix(batch, gradient, "gradient");
  if (batch.rows == 0) return;
  const bool in_place = same_matrix(batch, gradient, batch.logits);
  const Range output = range_of(batch, gradient, "gradient");
  for_each_input(batch, [&](const Range& input) {
    const bool is_logits = std::strcmp(input.name, "logits") == 0;
    if (is_logits && in_place) return;
    check_apart(output, input,
                is_logits ? "overlaps the logits without being the same tensor" : "overlaps another input");
  });
}

void check_outputs(const lpreg_batch& batch, const lpreg_token_outputs* outputs,
                   const lpreg_matrix* gradient) {
  if (outputs == nullptr || batch.rows == 0) return;
  const Range written = gradient == nullptr ? Range{0, 0, ""} : range_of(batch, *gradient, "gradient");
  for_each_output(*outputs, batch.rows, [&](const Range& output) {
    if (is_empty(output)) return;
    check_apart(output, written, "overlaps the gradient");
    for_each_input(batch, [&](const Range& input) { check_apart(output, input, "overlaps an input"); });
    for_each_output(*outputs, batch.rows, [&](const Range& other) {
      if (std::strcmp(output.name, other.name) != 0) check_apart(output, other, "overlaps another output");
    });
  });
}

}  // namespace lpreg
