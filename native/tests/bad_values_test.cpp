// Rules of docs/semantics.md §8 about inputs, their values and the options, at the C ABI: the status, the
// argument and the first index.
#include "refused_call.h"

namespace {

using namespace lpreg::test;

void inputs(Calls* calls) {
  const auto missing = [&](const char* argument, const std::function<void(Case&)>& spoil) {
    calls->refuses("an input that is missing", spoil, {LPREG_ERR_MISSING, argument, -1});
  };
  missing("actions", [](Case& c) { c.batch.actions = nullptr; });
  missing("old_log_probs", [](Case& c) { c.batch.old_log_probs = nullptr; });
  missing("advantages", [](Case& c) { c.batch.advantages = nullptr; });
  missing("ref_log_probs", [](Case& c) { c.options.reference_coef = 0.1; });
  missing("proxy_log_probs", [](Case& c) { (c.use_stored(), c.batch.proxy_log_probs = nullptr); });
  const auto unused = [&](const char* argument, const std::function<void(Case&)>& spoil) {
    calls->refuses("an input without effect", spoil, {LPREG_ERR_OPTION_WITHOUT_EFFECT, argument, -1});
  };
  unused("ref_log_probs", [](Case& c) { c.batch.ref_log_probs = c.other.data(); });
  unused("proxy_log_probs", [](Case& c) { c.batch.proxy_log_probs = c.other.data(); });
  unused("chosen", [](Case& c) { c.batch.chosen = c.chosen.data(); });
  unused("old_logits", [](Case& c) { c.batch.old_logits = {c.old_logits.data(), LPREG_FLOAT32, kVocab, 0}; });
  unused("prob_threshold", [](Case& c) { c.batch.prob_threshold = {LPREG_HOST, 0.5, nullptr}; });
  unused("sequence_count", [](Case& c) { c.batch.sequence_count = {LPREG_HOST, 2, nullptr}; });
  unused("max_length", [](Case& c) { c.batch.max_length = {LPREG_HOST, 2, nullptr}; });
  unused("sequence_lengths", [](Case& c) { c.batch.sequence_lengths = c.lengths.data(); });
  const auto action = [&](int64_t value) {
    calls->refuses("an action out of range", [=](Case& c) { c.actions[2] = c.actions[4] = value; },
                   {LPREG_ERR_ACTION_RANGE, "actions", 2});
  };
  for (const int64_t value : {int64_t{-1}, kVocab, int64_t{1} << 32, INT64_MIN, INT64_MAX}) action(value);
  calls->refuses("actions of no dtype", [](Case& c) { c.batch.action_dtype = 2; },
                 {LPREG_ERR_DTYPE, "actions", -1});
  calls->refuses("a mask of 2", [](Case& c) { c.mask[4] = 2; }, {LPREG_ERR_MASK, "mask", 4});
  calls->refuses("a choice of 255",
                 [](Case& c) {
                   c.options.objective = LPREG_CLIP_COV;
                   c.options.clip_cov_ratio = 0.5;
                   c.options.cov_high = 5;
                   c.chosen[3] = 255;
                   c.batch.chosen = c.chosen.data();
                 },
                 {LPREG_ERR_MASK, "chosen", 3});
}

void values(Calls* calls) {
  const auto not_finite = [&](const char* argument, int64_t index, const std::function<void(Case&)>& spoil) {
    calls->refuses("an input that is not finite", spoil, {LPREG_ERR_NON_FINITE_INPUT, argument, index});
  };
  for (const float value : {kNan, kInf, -kInf}) {
    not_finite("advantages", 3, [=](Case& c) { c.advantages[3] = c.advantages[4] = value; });
    not_finite("old_log_probs", 0, [=](Case& c) { c.old_log_probs[0] = value; });
    not_finite("rollout_weights", 4, [=](Case& c) {
      c.other[4] = value;
      c.batch.rollout_weights = c.other.data();
    });
    not_finite("ref_log_probs", 1, [=](Case& c) {
      c.options.reference_coef = 0.1;
      c.other[1] = value;
      c.batch.ref_log_probs = c.other.data();
    });
    not_finite("advantages", 1, [=](Case& c) {
      c.batch.advantages_per_sequence = 1;
      c.advantages[1] = value;
    });
    not_finite("grad_output", -1, [=](Case& c) { c.grad_output.value = value; });
  }
  for (const float value : {kNan, kInf}) {
    not_finite("proxy_log_probs", 2, [=](Case& c) { (c.use_stored(), c.other[2] = value); });
    calls->refuses("logits that are not finite", [=](Case& c) { c.logits[2 * kVocab + 1] = value; },
                   {LPREG_ERR_NON_FINITE_LOGITS, "logits", 2});
  }
  calls->refuses("a row of -inf", [](Case& c) { std::fill_n(c.logits.begin() + kVocab, kVocab, -kInf); },
                 {LPREG_ERR_NON_FINITE_LOGITS, "logits", 1});
  calls->refuses("a sampled token at -inf", [](Case& c) { c.logits[3 * kVocab + 3] = -kInf; },
                 {LPREG_ERR_NON_FINITE_LOGITS, "logits", 3});
  calls->refuses("a ratio that overflows", [](Case& c) { c.old_log_probs[1] = -1e4f; },
                 {LPREG_ERR_NON_FINITE_LOSS, "logits", 1});
}

void options(Calls* calls) {
  const double nan = kNan, inf = kInf;
  const auto option = [&](const char* argument, double lpreg_loss_options::*field,
                          std::initializer_list<double> bad, const std::function<void(Case&)>& prepare) {
    for (const double value : bad) {
      calls->refuses("an option out of range", [&](Case& c) { (prepare(c), c.options.*field = value); },
                     {LPREG_ERR_OPTION, argument, -1});
    }
  };
  const auto grpo = [](Case&) {};
  const auto paper = [](Case& c) { c.use_paper(); };
  option("clip_low", &lpreg_loss_options::clip_low, {-0.1, nan}, grpo);
  option("clip_high", &lpreg_loss_options::clip_high, {-0.1, nan}, grpo);
  option("dual_clip", &lpreg_loss_options::dual_clip, {1, -3, nan, inf}, grpo);
  option("ratio_cap", &lpreg_loss_options::ratio_cap, {-1, nan, inf}, grpo);
  option("entropy_coef", &lpreg_loss_options::entropy_coef, {nan, inf, -inf}, grpo);
  option("reference_coef", &lpreg_loss_options::reference_coef, {nan, inf}, grpo);
  option("beta", &lpreg_loss_options::beta, {-1, nan, inf}, paper);
  option("rho", &lpreg_loss_options::rho, {-0.1, 1.1, nan}, paper);
  const auto row = [&](const char* argument, double lpreg_row_options::*field,
                       std::initializer_list<double> bad, int32_t filter) {
    for (const double value : bad) {
      calls->refuses("a row option out of range",
                     [&](Case& c) {
                       c.use_paper();
                       c.options.row.filter_kind = filter;
                       c.options.row.*field = value;
                     },
                     {LPREG_ERR_OPTION, argument, -1});
    }
  };
  row("temperature", &lpreg_row_options::temperature, {0, -1, nan, inf}, LPREG_FILTER_MIN_P);
  row("softcap", &lpreg_row_options::softcap, {-1, nan, inf}, LPREG_FILTER_MIN_P);
  row("filter_value", &lpreg_row_options::filter_value, {-0.1, 1.1, nan}, LPREG_FILTER_MIN_P);
  row("filter_value", &lpreg_row_options::filter_value, {0, 1.1, nan}, LPREG_FILTER_FIXED);
  const auto enumerator = [&](const char* argument, const std::function<void(Case&)>& spoil) {
    calls->refuses("a value of no enumeration", spoil, {LPREG_ERR_TYPE, argument, -1});
  };
  enumerator("objective", [](Case& c) { c.options.objective = 10; });
  enumerator("aggregation", [](Case& c) { c.options.aggregation = -1; });
  enumerator("non_finite", [](Case& c) { c.options.non_finite = 2; });
  enumerator("token_count", [](Case& c) { c.batch.token_count.kind = 3; });
  enumerator("batch", [](Case& c) { c.batch.struct_size = 8; });
  enumerator("options", [](Case& c) { c.options.struct_size = 0; });
  enumerator("outputs", [](Case& c) { c.outputs.struct_size += 1; });
  calls->refuses("an option without effect", [](Case& c) { c.options.beta = 1; },
                 {LPREG_ERR_OPTION_WITHOUT_EFFECT, "beta", -1});
  for (const double value : {0.0, -1.0, nan, inf}) {
    calls->refuses("a count that is none",
                   [=](Case& c) {
                     c.batch.token_count = {LPREG_HOST, value, nullptr};
                   },
                   {LPREG_ERR_OPTION, "token_count", -1});
  }
  calls->refuses("a length of 0",
                 [](Case& c) {
                   c.options.aggregation = LPREG_SEQ_MEAN_TOKEN_MEAN;
                   c.lengths[1] = 0;
                   c.batch.sequence_lengths = c.lengths.data();
                 },
                 {LPREG_ERR_OPTION, "sequence_lengths", 1});
  calls->refuses("device memory on the CPU", [](Case& c) { c.grad_output.kind = LPREG_DEVICE; },
                 {LPREG_ERR_BACKEND_UNAVAILABLE, "grad_output", -1});
}

// What masked rows hold changes nothing.
void masked_rows_are_not_read(Calls* calls) {
  Case clean, dirty;
  for (int64_t v = 0; v < kVocab; ++v) dirty.logits[5 * kVocab + v] = kNan;
  dirty.actions[5] = -100;
  dirty.advantages[5] = dirty.old_log_probs[5] = kNan;
  CHECK(calls->run(&clean).status == LPREG_OK && calls->run(&dirty).status == LPREG_OK);
  CHECK(std::memcmp(clean.gradient.data(), dirty.gradient.data(), sizeof(float) * kRows * kVocab) == 0);
  CHECK(std::memcmp(clean.log_prob.data(), dirty.log_prob.data(), sizeof(float) * kRows) == 0);
}

}  // namespace

int main() {
  Calls calls;
  inputs(&calls);
  values(&calls);
  options(&calls);
  masked_rows_are_not_read(&calls);
  return finish();
}
