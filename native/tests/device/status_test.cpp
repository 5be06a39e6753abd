// A device context never looks at data itself: what is wrong with it is found by the kernels and told when
// the caller synchronises. Runs on the emulated device, whose memory is the host's.
#include <cmath>
#include <cstring>
#include <vector>

#include "../check.h"
#include "emulation/config.h"
#include "include/lpreg.h"

namespace {

constexpr int kRows = 6;
constexpr int kVocab = 137;
constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

struct Fixture {
  const lpreg_api* api = lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context* context = nullptr;
  lpreg_error error{};
  std::vector<float> logits, gradient, old_log_probs, advantages;
  std::vector<int32_t> actions;
  std::vector<uint8_t> mask;
  std::vector<uint8_t> memory;
  lpreg_loss_options options{};
  lpreg_batch batch{};
  lpreg_loss_result result{};
  size_t bytes = 0;

  Fixture()
      : logits(kRows * kVocab),
        gradient(kRows * kVocab, 7),
        old_log_probs(kRows, -3),
        advantages(kRows, 1),
        actions(kRows, 5),
        mask(kRows, 1) {
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 23) / 4;
    error.struct_size = sizeof error;
    const lpreg_context_options on_device{sizeof on_device, LPREG_BACKEND_CUDA, 1, 0, 0};
    CHECK(api->context_create(&on_device, &context, &error) == LPREG_OK);
    options.struct_size = sizeof options;
    options.objective = LPREG_GRPO;
    options.row.temperature = 1;
    options.clip_low = options.clip_high = 0.2;
    batch.struct_size = sizeof batch;
    batch.sequences = 2;
    batch.tokens = kRows / 2;
    batch.rows = kRows;
    batch.vocab = kVocab;
    batch.logits = {logits.data(), LPREG_FLOAT32, kVocab, 0};
    batch.actions = actions.data();
    batch.mask = mask.data();
    batch.old_log_probs = old_log_probs.data();
    batch.advantages = advantages.data();
    CHECK(api->loss_workspace_size(context, &options, &batch, &bytes, &error) == LPREG_OK);
    memory.resize(bytes + 16);
  }
  ~Fixture() { api->context_destroy(context); }

  void* workspace() { return memory.data() + (16 - reinterpret_cast<uintptr_t>(memory.data()) % 16) % 16; }
  lpreg_status start(float* target) {
    const lpreg_matrix out{target, LPREG_FLOAT32, kVocab, 0};
    return api->loss_forward_backward(context, &options, &batch, workspace(), bytes, kAbsent, &out, nullptr,
                                      &result, nullptr, &error);
  }
  lpreg_status finish() { return api->context_synchronize(context, nullptr, &error); }

  void expect(lpreg_status status, const char* argument, int64_t index, lpreg_output_status output) {
    CHECK(finish() == status);
    CHECK(std::strcmp(error.argument, argument) == 0 && error.index == index &&
          error.output_status == output);
    CHECK(finish() == LPREG_OK);  // told once
  }
};

void test_good_batch_reports_nothing_and_writes_the_gradient() {
  Fixture f;
  CHECK(f.start(f.gradient.data()) == LPREG_OK && f.finish() == LPREG_OK);
  CHECK(f.result.struct_size == sizeof f.result && std::isfinite(f.result.loss) &&
        f.result.valid_count == kRows);
  CHECK(f.gradient[0] != 7);
}

void test_bad_mask_is_found_before_a_bad_action_and_leaves_the_gradient() {
  Fixture f;
  f.mask[4] = 2;
  f.actions[1] = kVocab;
  CHECK(f.start(f.gradient.data()) == LPREG_OK);
  f.expect(LPREG_ERR_MASK, "mask", 4, LPREG_UNTOUCHED);
  CHECK(f.gradient[0] == 7);
}

void test_first_of_several_bad_actions_is_named() {
  Fixture f;
  f.actions[5] = -1;
  f.actions[2] = kVocab;
  CHECK(f.start(f.gradient.data()) == LPREG_OK);
  f.expect(LPREG_ERR_ACTION_RANGE, "actions", 2, LPREG_UNTOUCHED);
}

void test_masked_rows_are_not_checked() {
  Fixture f;
  f.mask[3] = 0;
  f.actions[3] = -100;
  f.advantages[3] = NAN;
  for (int v = 0; v < kVocab; ++v) f.logits[3 * kVocab + v] = NAN;
  CHECK(f.start(f.gradient.data()) == LPREG_OK && f.finish() == LPREG_OK);
  CHECK(std::isfinite(f.result.loss) && f.gradient[3 * kVocab] == 0);
}

void test_nan_logits_leave_a_gradient_out_of_place_untouched() {
  Fixture f;
  f.logits[2 * kVocab + 9] = NAN;
  CHECK(f.start(f.gradient.data()) == LPREG_OK);
  f.expect(LPREG_ERR_NON_FINITE_LOGITS, "logits", 2, LPREG_UNTOUCHED);
  CHECK(f.gradient[0] == 7);
}

void test_nan_logits_in_place_are_reported_as_consumed() {
  Fixture f;
  f.logits[2 * kVocab + 9] = NAN;
  CHECK(f.start(f.logits.data()) == LPREG_OK);
  f.expect(LPREG_ERR_NON_FINITE_LOGITS, "logits", 2, LPREG_CONSUMED);
}

void test_overflowed_loss_is_named() {
  Fixture f;
  f.options.clip_high = HUGE_VAL;
  f.old_log_probs[1] = -1e30f;
  f.advantages[1] = -1;
  CHECK(f.start(f.gradient.data()) == LPREG_OK);
  f.expect(LPREG_ERR_NON_FINITE_LOSS, "logits", 1, LPREG_UNTOUCHED);
}

void test_device_scalar_scales_the_gradient() {
  Fixture f;
  CHECK(f.start(f.gradient.data()) == LPREG_OK && f.finish() == LPREG_OK);
  std::vector<float> doubled(f.gradient.size());
  const double two = 2;
  const lpreg_scalar scale{LPREG_DEVICE, 0, &two};
  const lpreg_matrix out{doubled.data(), LPREG_FLOAT32, kVocab, 0};
  CHECK(f.api->loss_backward(f.context, &f.options, &f.batch, f.workspace(), f.bytes, scale, &out, nullptr,
                             &f.error) == LPREG_OK);
  CHECK(f.finish() == LPREG_OK);
  for (size_t i = 0; i < doubled.size(); ++i) CHECK_NEAR(doubled[i], 2 * f.gradient[i], 1e-7);
}

void test_damaged_sequence_bounds_are_named_as_on_the_cpu() {
  const std::vector<std::vector<int64_t>> damaged = {
      {1, 3, 6}, {0, 4, 3, 6}, {0, 2, 9, 6}, {0, -5, 6}, {0, 5}};
  const int64_t indices[] = {0, 2, 3, 1, 1};
  for (size_t i = 0; i < damaged.size(); ++i) {
    Fixture f;
    f.mask[2] = 9;  // found later on the CPU too
    f.batch.cu_seq_lens = damaged[i].data();
    f.batch.sequences = static_cast<int64_t>(damaged[i].size()) - 1;
    size_t bytes = 0;
    CHECK(f.api->loss_workspace_size(f.context, &f.options, &f.batch, &bytes, &f.error) == LPREG_OK);
    f.memory.resize(bytes + 16);
    f.bytes = bytes;
    CHECK(f.start(f.gradient.data()) == LPREG_OK);
    f.expect(LPREG_ERR_SHAPE, "cu_seq_lens", indices[i], LPREG_UNTOUCHED);
  }
}

void test_a_cancelled_call_starts_nothing() {
  Fixture f;
  const volatile int32_t cancel = 1;
  lpreg_call call{};
  call.struct_size = sizeof call;
  call.cancel = &cancel;
  lpreg_row_state states[kRows] = {};
  states[0].flags = 77;
  CHECK(f.api->token_stats(f.context, &f.options.row, &f.batch, LPREG_NON_FINITE_ERROR, states, nullptr,
                           nullptr, &call, &f.error) == LPREG_ERR_CANCELLED);
  CHECK(f.finish() == LPREG_OK && states[0].flags == 77);
}

void test_an_overflowed_loss_of_the_scalar_stage_names_the_log_probs() {
  Fixture f;
  f.options.clip_high = HUGE_VAL;
  f.advantages[1] = -1;
  f.old_log_probs[1] = -1e30f;
  std::vector<float> log_probs(kRows, -1);
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  tokens.log_prob = log_probs.data();
  CHECK(f.api->objective(f.context, &f.options, &f.batch, &tokens, f.workspace(), f.bytes, nullptr, &f.result,
                         nullptr, &f.error) == LPREG_OK);
  f.expect(LPREG_ERR_NON_FINITE_LOSS, "log_prob", 1, LPREG_UNTOUCHED);
}

void test_backward_without_a_forward_pass_is_found() {
  Fixture f;
  std::memset(f.workspace(), 0, f.bytes);
  const lpreg_matrix out{f.gradient.data(), LPREG_FLOAT32, kVocab, 0};
  CHECK(f.api->loss_backward(f.context, &f.options, &f.batch, f.workspace(), f.bytes, kAbsent, &out, nullptr,
                             &f.error) == LPREG_OK);
  f.expect(LPREG_ERR_WORKSPACE, "workspace", -1, LPREG_UNTOUCHED);
  CHECK(f.gradient[0] == 7);
}

// Whatever order the threads of the checks run in.
void test_what_an_earlier_call_wrote_is_not_told_of_a_later_one() {
  for (const char* order : {"order=forward", "order=reverse"}) {
    lpreg::emulation::configure(order);
    Fixture f;
    CHECK(f.start(f.gradient.data()) == LPREG_OK && f.finish() == LPREG_OK);
    f.mask[4] = 2;
    CHECK(f.start(f.gradient.data()) == LPREG_OK);
    f.expect(LPREG_ERR_MASK, "mask", 4, LPREG_UNTOUCHED);
  }
  lpreg::emulation::configure("");
}

}  // namespace

int main() {
  test_good_batch_reports_nothing_and_writes_the_gradient();
  test_bad_mask_is_found_before_a_bad_action_and_leaves_the_gradient();
  test_first_of_several_bad_actions_is_named();
  test_masked_rows_are_not_checked();
  test_nan_logits_leave_a_gradient_out_of_place_untouched();
  test_nan_logits_in_place_are_reported_as_consumed();
  test_overflowed_loss_is_named();
  test_device_scalar_scales_the_gradient();
  test_damaged_sequence_bounds_are_named_as_on_the_cpu();
  test_a_cancelled_call_starts_nothing();
  test_an_overflowed_loss_of_the_scalar_stage_names_the_log_probs();
  test_backward_without_a_forward_pass_is_found();
  test_what_an_earlier_call_wrote_is_not_told_of_a_later_one();
  return lpreg::test::finish();
}
