// A small call of the whole loss at the C ABI that works, to be spoilt in one place: what the library says
// then, that it touched no output, and that it works again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "check.h"
#include "include/lpreg.h"

namespace lpreg::test {

constexpr int64_t kSequences = 2, kTokens = 3, kRows = 6, kVocab = 5;
constexpr float kPoison = 1234.5f;
inline const float kNan = std::numeric_limits<float>::quiet_NaN();
inline const float kInf = std::numeric_limits<float>::infinity();

// A call that works.
struct Case {
  std::vector<float> logits = std::vector<float>(kRows * kVocab);
  std::vector<float> old_logits;
  std::vector<int64_t> actions = {0, 1, 2, 3, 4, 0};
  std::vector<uint8_t> mask = {1, 1, 1, 1, 1, 0};
  std::vector<uint8_t> chosen = std::vector<uint8_t>(kRows);
  std::vector<float> old_log_probs = std::vector<float>(kRows, -1.5f);
  std::vector<float> advantages = {1, -1, 2, -2, 1, 0};
  std::vector<float> other = std::vector<float>(kRows, -1);  // for further inputs per row
  std::vector<double> lengths = {3, 2};
  std::vector<int64_t> cu_seq_lens = {0, 3, 6};
  std::vector<float> gradient = std::vector<float>(kRows * kVocab, kPoison);
  std::vector<float> log_prob = std::vector<float>(kRows, kPoison);
  std::vector<float> entropy = std::vector<float>(kRows, kPoison);
  lpreg_loss_options options{};
  lpreg_batch batch{};
  lpreg_matrix gradient_matrix{};
  lpreg_token_outputs outputs{};
  lpreg_loss_result result{};
  lpreg_scalar grad_output{LPREG_HOST, 1, nullptr};

  Case() {
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 11) / 4 - 1;
    old_logits = logits;
    options.struct_size = sizeof options;
    options.objective = LPREG_GRPO;
    options.row.temperature = 1;
    options.clip_low = options.clip_high = 0.2;
    batch.struct_size = sizeof batch;
    batch.sequences = kSequences;
    batch.tokens = kTokens;
    batch.rows = kRows;
    batch.vocab = kVocab;
    batch.logits = {logits.data(), LPREG_FLOAT32, kVocab, 0};
    batch.actions = actions.data();
    batch.action_dtype = LPREG_INT64;
    batch.mask = mask.data();
    batch.old_log_probs = old_log_probs.data();
    batch.advantages = advantages.data();
    gradient_matrix = {gradient.data(), LPREG_FLOAT32, kVocab, 0};
    outputs.struct_size = sizeof outputs;
    outputs.log_prob = log_prob.data();
    outputs.entropy = entropy.data();
    result.struct_size = sizeof result;
    result.loss = kPoison;
  }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  void use_paper() {
    options.objective = LPREG_LP_REG_PAPER;
    options.beta = 1;
    options.rho = 0.5;
    options.row.proxy = LPREG_PROXY_CURRENT;
    options.row.filter_kind = LPREG_FILTER_MIN_P;
    options.row.filter_value = 0.02;
  }
  void use_stored() {
    options.objective = LPREG_LP_REG_KEPT;
    options.beta = 1;
    options.estimator = LPREG_K3;
    options.row.proxy = LPREG_PROXY_STORED;
    batch.proxy_log_probs = other.data();
  }

  // After the loss of a token overflowed the outputs per token are there, and the gradient is not.
  bool is_untouched(lpreg_status status = LPREG_OK) const {
    const bool has_outputs = status == LPREG_ERR_NON_FINITE_LOSS;
    return is_poison(gradient) && result.loss == kPoison &&
           (has_outputs || (is_poison(log_prob) && is_poison(entropy)));
  }

 private:
  static bool is_poison(const std::vector<float>& output) {
    return std::all_of(output.begin(), output.end(), [](float value) { return value == kPoison; });
  }
};

struct Expected {
  lpreg_status status;
  const char* argument;
  int64_t index;
};

class Calls {
 public:
  Calls() : api_(*lpreg_get_api(LPREG_ABI_VERSION)) {
    lpreg_context_options options{};
    options.struct_size = sizeof options;
    options.threads = 1;
    CHECK(api_.context_create(&options, &context_, nullptr) == LPREG_OK);
  }
  ~Calls() { api_.context_destroy(context_); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  lpreg_error run(Case* call, const lpreg_call* how = nullptr) {
    alignas(16) static char workspace[1 << 14];
    lpreg_error error{};
    error.struct_size = sizeof error;
    api_.loss_forward_backward(context_, &call->options, &call->batch, workspace, sizeof workspace,
                               call->grad_output, &call->gradient_matrix, &call->outputs, &call->result, how,
                               &error);
    return error;
  }

  void refuses(const char* name, const std::function<void(Case&)>& spoil, const Expected& expected) {
    Case call;
    spoil(call);
    const lpreg_error error = run(&call);
    const bool as_expected = error.status == expected.status && error.index == expected.index &&
                             std::strcmp(error.argument, expected.argument) == 0;
    const bool held = CHECK(as_expected) & CHECK(error.message[0] != 0) &
                      CHECK(error.output_status == LPREG_UNTOUCHED) &
                      CHECK(call.is_untouched(expected.status));
    Case good;
    if (held & CHECK(run(&good).status == LPREG_OK) & CHECK(!good.is_untouched())) return;
    std::printf("  %s: status %d, argument \"%s\", index %lld: %s\n", name, error.status, error.argument,
                static_cast<long long>(error.index), error.message);
  }

 private:
  const lpreg_api& api_;
  lpreg_context* context_ = nullptr;
};

}  // namespace lpreg::test
