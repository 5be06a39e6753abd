// A small batch and the options of every objective, for whole losses on either back end.
#pragma once

#include "back_end.h"

namespace lpreg::test {

inline lpreg_loss_options loss_options(int32_t objective) {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = objective;
  options.row.temperature = 0.9;
  if (objective != LPREG_KL_COV && objective != LPREG_SAPO) options.clip_low = options.clip_high = 0.2;
  if (objective == LPREG_GSPO) options.aggregation = LPREG_SEQ_MEAN_TOKEN_MEAN;
  if (objective == LPREG_TOP_ENTROPY) options.top_fraction = 0.5;
  if (objective == LPREG_KL_COV) {
    options.kl_cov_percent = 30;
    options.kl_cov_coef = 1;
  }
  if (objective == LPREG_CLIP_COV) {
    options.clip_cov_ratio = 0.3;
    options.cov_low = -50;
    options.cov_high = 50;
    options.seed = 3;
  }
  if (objective == LPREG_SAPO) options.tau_positive = options.tau_negative = 1;
  if (objective < LPREG_LP_REG_PAPER || objective > LPREG_LP_REG_KEPT) return options;
  options.row.proxy = LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.05;
  options.beta = 1;
  if (objective == LPREG_LP_REG_PAPER) options.rho = 0.5;
  if (objective == LPREG_LP_REG_REFERENCE) options.rho_negative = 0.9;
  if (objective != LPREG_LP_REG_PAPER) options.estimator = LPREG_K3;
  return options;
}

// [3, 4] tokens by 133 ids; everything a loss may read.
struct SmallLoss {
  static constexpr int64_t kVocab = 133, kSequences = 3, kTokens = 4, kRows = 12;
  std::vector<float> logits, old_log_probs, advantages;
  std::vector<int64_t> actions;
  std::vector<uint8_t> mask;

  SmallLoss() {
    for (int64_t i = 0; i < kRows * kVocab; ++i) logits.push_back(wave(i, 37, 9));
    for (int64_t row = 0; row < kRows; ++row) {
      old_log_probs.push_back(-2.5f - wave(row, 5, 2));
      advantages.push_back(wave(row, 7, 3) + 0.3f);
      actions.push_back(row * 11 % kVocab);
      mask.push_back(row % 5 != 2);
    }
  }

  // Aperiodic in the range of the batch, in [-size / 4, size / 4).
  static float wave(int64_t i, int64_t step, int64_t size) {
    return static_cast<float>(static_cast<double>(i * step * 7919 % 2017) / 2017 - 0.5) *
           static_cast<float>(size) / 2;
  }

  lpreg_batch batch(BackEnd* on) const {
    lpreg_batch batch{};
    batch.struct_size = sizeof batch;
    batch.sequences = kSequences;
    batch.tokens = kTokens;
    batch.rows = kRows;
    batch.vocab = kVocab;
    batch.logits = {on->put(logits), LPREG_FLOAT32, kVocab, 0};
    batch.actions = on->put(actions);
    batch.action_dtype = LPREG_INT64;
    batch.mask = on->put(mask);
    batch.old_log_probs = on->put(old_log_probs);
    batch.advantages = on->put(advantages);
    return batch;
  }
};

struct LossOutcome {
  lpreg_loss_result result{};
  std::vector<float> log_prob, token_loss, weight, gradient;
  std::vector<uint8_t> selected, clipped;
};

// The gradient is float32, whatever the logits are.
inline LossOutcome evaluate(BackEnd* on, const lpreg_loss_options& options, const lpreg_batch& batch,
                            lpreg_scalar grad_output) {
  LossOutcome outcome;
  const auto rows = static_cast<size_t>(batch.rows);
  const auto elements = static_cast<size_t>(batch.rows * batch.vocab);
  outcome.result.struct_size = sizeof outcome.result;
  auto* result = on->put(std::vector<lpreg_loss_result>{outcome.result});
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  tokens.log_prob = on->reserve<float>(rows);
  tokens.token_loss = on->reserve<float>(rows);
  tokens.weight = on->reserve<float>(rows);
  tokens.selected = on->reserve<uint8_t>(rows);
  tokens.clipped = on->reserve<uint8_t>(rows);
  const lpreg_matrix gradient{on->reserve<float>(elements), LPREG_FLOAT32, batch.vocab, 0};
  size_t bytes = 0;
  on->started(on->api.loss_workspace_size(on->context, &options, &batch, &bytes, &on->error));
  on->started(on->api.loss_forward_backward(on->context, &options, &batch, on->reserve<uint8_t>(bytes), bytes,
                                            grad_output, &gradient, &tokens, result, nullptr, &on->error));
  on->started(on->finish());
  outcome.result = on->get(result, 1)[0];
  outcome.log_prob = on->get(tokens.log_prob, rows);
  outcome.token_loss = on->get(tokens.token_loss, rows);
  outcome.weight = on->get(tokens.weight, rows);
  outcome.selected = on->get(tokens.selected, rows);
  outcome.clipped = on->get(tokens.clipped, rows);
  outcome.gradient = on->get(static_cast<const float*>(gradient.data), elements);
  return outcome;
}

inline void check_outcome(const LossOutcome& got, const LossOutcome& want) {
  const auto check_all = [](const std::vector<float>& a, const std::vector<float>& b, const char* what) {
    CHECK(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) check_value(a[i], b[i], what);
  };
  CHECK(got.selected == want.selected && got.clipped == want.clipped);
  check_all(got.log_prob, want.log_prob, "log_prob");
  check_all(got.token_loss, want.token_loss, "token_loss");
  check_all(got.weight, want.weight, "weight");
  check_all(got.gradient, want.gradient, "gradient");
  check_value(got.result.loss, want.result.loss, "loss");
  check_value(got.result.entropy, want.result.entropy, "entropy");
  check_value(got.result.ratio_mean, want.result.ratio_mean, "ratio_mean");
  check_value(got.result.pull_ratio, want.result.pull_ratio, "pull_ratio");
  check_value(got.result.prob_threshold, want.result.prob_threshold, "prob_threshold");
  CHECK(got.result.valid_count == want.result.valid_count &&
        got.result.negative_count == want.result.negative_count &&
        got.result.lowest_count == want.result.lowest_count &&
        got.result.selected_count == want.result.selected_count);
}

}  // namespace lpreg::test
