// Host tensors on a CUDA context: the call answers like the CPU's, reads no masked row, takes no more device
// memory than it may, moves the logits once where the loss allows it, and stops between chunks.
#include <sys/mman.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "../check.h"
#include "emulation/config.h"
#include "emulation/host_resources.h"
#include "include/lpreg.h"

namespace {

constexpr int kRows = 12;
constexpr int kVocab = 1024;  // a page of float32
constexpr int64_t kRowBytes = kVocab * 4;
constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

struct Fixture {
  const lpreg_api* api = lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context* context = nullptr;
  lpreg_error error{};
  float* logits;  // each row on a page of its own
  std::vector<float> gradient = std::vector<float>(kRows * kVocab, 7);
  std::vector<float> old_log_probs = std::vector<float>(kRows, -3);
  std::vector<float> advantages = std::vector<float>(kRows, 1);
  std::vector<int32_t> actions = std::vector<int32_t>(kRows, 5);
  std::vector<uint8_t> mask = std::vector<uint8_t>(kRows, 1);
  std::vector<uint8_t> workspace;
  lpreg_loss_options options{};
  lpreg_batch batch{};
  lpreg_loss_result result{};
  lpreg_call call{};

  explicit Fixture(int64_t staging_bytes = 6 * kRowBytes) {
    error.struct_size = sizeof error;
    const lpreg_context_options on_device{sizeof on_device, LPREG_BACKEND_CUDA, 2, 0, staging_bytes};
    CHECK(api->context_create(&on_device, &context, &error) == LPREG_OK);
    logits = static_cast<float*>(
        mmap(nullptr, kRows * kRowBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (int i = 0; i < kRows * kVocab; ++i) logits[i] = static_cast<float>(i * 7 % 23) / 4;
    options.struct_size = sizeof options;
    options.objective = LPREG_GRPO;
    options.row.temperature = 1;
    options.clip_low = options.clip_high = 0.2;
    batch.struct_size = sizeof batch;
    batch.sequences = 2;
    batch.tokens = kRows / 2;
    batch.rows = kRows;
    batch.vocab = kVocab;
    batch.logits = {logits, LPREG_FLOAT32, kVocab, 0};
    batch.actions = actions.data();
    batch.mask = mask.data();
    batch.old_log_probs = old_log_probs.data();
    batch.advantages = advantages.data();
    result.struct_size = sizeof result;
    call.struct_size = sizeof call;
    call.host_memory = 1;
    size_t bytes = 0;
    CHECK(api->loss_workspace_size(context, &options, &batch, &bytes, &error) == LPREG_OK);
    workspace.resize(bytes);
  }
  ~Fixture() {
    api->context_destroy(context);
    munmap(logits, kRows * kRowBytes);
  }

  lpreg_status evaluate(float* target) {
    const lpreg_matrix out{target, LPREG_FLOAT32, kVocab, 0};
    return api->loss_forward_backward(context, &options, &batch, workspace.data(), workspace.size(), kAbsent,
                                      &out, nullptr, &result, &call, &error);
  }
  lpreg_status forward() {
    return api->loss_forward(context, &options, &batch, workspace.data(), workspace.size(), nullptr, &result,
                             &call, &error);
  }
  lpreg_status backward(float* target) {
    const lpreg_matrix out{target, LPREG_FLOAT32, kVocab, 0};
    return api->loss_backward(context, &options, &batch, workspace.data(), workspace.size(), kAbsent, &out,
                              &call, &error);
  }
  bool says(const char* argument, int64_t index, lpreg_output_status output) const {
    return std::strcmp(error.argument, argument) == 0 && error.index == index &&
           error.output_status == output;
  }
};

void test_results_lie_in_place_when_the_call_returns() {
  Fixture f;
  CHECK(f.evaluate(f.gradient.data()) == LPREG_OK);
  CHECK(f.result.valid_count == kRows && std::isfinite(f.result.loss) && f.gradient[0] != 7);
  std::vector<float> again(f.gradient.size());
  CHECK(f.backward(again.data()) == LPREG_OK);
  CHECK(std::memcmp(again.data(), f.gradient.data(), kRows * kRowBytes) == 0);
}

void test_a_gradient_in_place_overwrites_the_logits() {
  Fixture f;
  CHECK(f.evaluate(f.gradient.data()) == LPREG_OK && f.evaluate(f.logits) == LPREG_OK);
  CHECK(std::memcmp(f.logits, f.gradient.data(), kRows * kRowBytes) == 0);
}

void test_bad_values_are_told_with_their_index_before_anything_is_written() {
  Fixture f;
  f.actions[7] = kVocab;
  CHECK(f.evaluate(f.logits) == LPREG_ERR_ACTION_RANGE && f.says("actions", 7, LPREG_UNTOUCHED));
  f.mask[3] = 2;
  CHECK(f.forward() == LPREG_ERR_MASK && f.says("mask", 3, LPREG_UNTOUCHED));
}

void test_nan_logits_leave_a_gradient_out_of_place_untouched() {
  Fixture f;
  f.logits[9 * kVocab + 4] = NAN;
  CHECK(f.evaluate(f.gradient.data()) == LPREG_ERR_NON_FINITE_LOGITS && f.says("logits", 9, LPREG_UNTOUCHED));
  CHECK(f.gradient[0] == 7);
}

void test_nan_logits_in_place_are_told_as_consumed() {
  Fixture f;
  f.logits[9 * kVocab + 4] = f.logits[10 * kVocab] = NAN;
  CHECK(f.evaluate(f.logits) == LPREG_ERR_NON_FINITE_LOGITS && f.says("logits", 9, LPREG_CONSUMED));
}

void test_an_overflowed_loss_is_named() {
  Fixture f;
  f.options.clip_high = HUGE_VAL;
  f.old_log_probs[1] = -1e30f;
  f.advantages[1] = -1;
  CHECK(f.evaluate(f.gradient.data()) == LPREG_ERR_NON_FINITE_LOSS && f.says("logits", 1, LPREG_UNTOUCHED));
}

void test_a_failed_call_is_followed_by_one_that_works() {
  Fixture f;
  f.logits[5] = NAN;
  CHECK(f.forward() == LPREG_ERR_NON_FINITE_LOGITS);
  CHECK(f.backward(f.gradient.data()) == LPREG_ERR_WORKSPACE && f.says("workspace", -1, LPREG_UNTOUCHED));
  f.logits[5] = 0;
  CHECK(f.forward() == LPREG_OK && f.backward(f.gradient.data()) == LPREG_OK);
}

void test_masked_rows_are_not_even_copied() {
  Fixture f;
  for (const int row : {0, 5, 11}) {
    f.mask[static_cast<size_t>(row)] = 0;
    CHECK(mprotect(f.logits + row * kVocab, kRowBytes, PROT_NONE) == 0);
  }
  CHECK(f.evaluate(f.gradient.data()) == LPREG_OK && f.result.valid_count == kRows - 3);
  CHECK(f.gradient[0] == 0 && f.gradient[5 * kVocab + 3] == 0 && f.gradient[kVocab] != 0);
}

void test_logits_larger_than_the_device_pass_through_a_bound() {
  CHECK(lpreg::emulation::configure("memory=40000,guard=1,strict=1,lazy=1"));
  Fixture f(3 * kRowBytes);
  CHECK(f.evaluate(f.logits) == LPREG_OK);
  CHECK(lpreg::emulation::configure("guard=1,strict=1,lazy=1"));
}

void test_a_bound_below_one_row_is_refused() {
  Fixture f(kRowBytes - 1);
  CHECK(f.evaluate(f.logits) == LPREG_ERR_OPTION && f.says("staging_bytes", -1, LPREG_UNTOUCHED));
}

void test_a_loss_of_one_pass_moves_the_logits_once_each_way() {
  Fixture f;
  constexpr uint64_t kLogits = kRows * kRowBytes;
  constexpr uint64_t kArrays = kRows * 1024;  // everything else, generously
  const lpreg::emulation::CopiedBytes before = lpreg::emulation::copied_bytes();
  CHECK(f.evaluate(f.logits) == LPREG_OK);
  const lpreg::emulation::CopiedBytes after = lpreg::emulation::copied_bytes();
  const uint64_t up = after.to_device - before.to_device;
  const uint64_t down = after.to_host - before.to_host;
  CHECK(up >= kLogits && up < kLogits + kArrays && down >= kLogits && down < kLogits + kArrays);
}

void test_a_cancelled_call_says_whether_the_gradient_was_begun() {
  Fixture f;
  volatile int32_t cancel = 1;
  f.call.cancel = &cancel;
  CHECK(f.evaluate(f.logits) == LPREG_ERR_CANCELLED && f.says("", -1, LPREG_UNTOUCHED));
  // Cancelled by the first chunk's completion.
  volatile int64_t rows_done = 0;
  f.call.rows_done = &rows_done;
  f.call.cancel = reinterpret_cast<const volatile int32_t*>(&rows_done);
  CHECK(f.evaluate(f.logits) == LPREG_ERR_CANCELLED && f.says("", -1, LPREG_CONSUMED));
  CHECK(rows_done > 0 && rows_done < kRows);
  f.call.cancel = nullptr;
  CHECK(f.forward() == LPREG_OK && rows_done == kRows);
}

void test_a_stream_or_a_device_scalar_is_refused() {
  Fixture f;
  f.call.stream = &f;
  CHECK(f.forward() == LPREG_ERR_OPTION_WITHOUT_EFFECT && f.says("stream", -1, LPREG_UNTOUCHED));
  f.call.stream = nullptr;
  const double count = 12;
  f.batch.token_count = {LPREG_DEVICE, 0, &count};
  CHECK(f.forward() == LPREG_ERR_BACKEND_UNAVAILABLE && f.says("token_count", -1, LPREG_UNTOUCHED));
}

void test_no_rows_are_no_work() {
  Fixture f;
  f.batch.sequences = f.batch.rows = 0;
  CHECK(f.evaluate(f.gradient.data()) == LPREG_OK && f.result.valid_count == 0 && f.gradient[0] == 7);
}

// The per-token operation and its gradient, against the same in one piece.
void test_token_statistics_do_not_depend_on_the_chunks() {
  std::vector<float> log_prob[2], entropy[2], gradient[2];
  for (const int i : {0, 1}) {
    Fixture f(i == 0 ? 0 : 3 * kRowBytes);
    log_prob[i].resize(kRows);
    entropy[i].resize(kRows);
    gradient[i].resize(kRows * kVocab);
    std::vector<lpreg_row_state> states(kRows);
    lpreg_token_outputs outputs{};
    outputs.struct_size = sizeof outputs;
    outputs.log_prob = log_prob[i].data();
    outputs.entropy = entropy[i].data();
    const lpreg_matrix out{gradient[i].data(), LPREG_FLOAT32, kVocab, 0};
    CHECK(f.api->token_stats(f.context, &f.options.row, &f.batch, 0, states.data(), nullptr, &outputs,
                             &f.call, &f.error) == LPREG_OK);
    CHECK(f.api->token_stats_backward(f.context, &f.options.row, &f.batch, states.data(), nullptr,
                                      f.advantages.data(), nullptr, nullptr, &out, &f.call,
                                      &f.error) == LPREG_OK);
  }
  CHECK(log_prob[0] == log_prob[1] && entropy[0] == entropy[1] && gradient[0] == gradient[1]);
  CHECK(log_prob[0][3] < 0 && entropy[0][3] > 0 && gradient[0][5] != 0);
}

void test_the_scalar_stage_takes_host_arrays() {
  Fixture f;
  std::vector<float> log_probs(kRows, -3.1f), coefficients(kRows);
  lpreg_token_outputs tokens{}, outputs{};
  tokens.struct_size = outputs.struct_size = sizeof tokens;
  tokens.log_prob = log_probs.data();
  outputs.coef_log_prob = coefficients.data();
  CHECK(f.api->objective(f.context, &f.options, &f.batch, &tokens, f.workspace.data(), f.workspace.size(),
                         &outputs, &f.result, &f.call, &f.error) == LPREG_OK);
  CHECK(std::isfinite(f.result.loss) && coefficients[4] != 0);
  f.options.clip_high = HUGE_VAL;
  f.advantages[2] = -1;
  f.old_log_probs[2] = -1e30f;
  CHECK(f.api->objective(f.context, &f.options, &f.batch, &tokens, f.workspace.data(), f.workspace.size(),
                         &outputs, &f.result, &f.call, &f.error) == LPREG_ERR_NON_FINITE_LOSS);
  CHECK(f.says("log_prob", 2, LPREG_UNTOUCHED));
}

}  // namespace

int main() {
  CHECK(lpreg::emulation::configure("guard=1,strict=1,lazy=1"));
  test_results_lie_in_place_when_the_call_returns();
  test_a_gradient_in_place_overwrites_the_logits();
  test_bad_values_are_told_with_their_index_before_anything_is_written();
  test_nan_logits_leave_a_gradient_out_of_place_untouched();
  test_nan_logits_in_place_are_told_as_consumed();
  test_an_overflowed_loss_is_named();
  test_a_failed_call_is_followed_by_one_that_works();
  test_masked_rows_are_not_even_copied();
  test_logits_larger_than_the_device_pass_through_a_bound();
  test_a_bound_below_one_row_is_refused();
  test_a_loss_of_one_pass_moves_the_logits_once_each_way();
  test_a_cancelled_call_says_whether_the_gradient_was_begun();
  test_a_stream_or_a_device_scalar_is_refused();
  test_no_rows_are_no_work();
  test_token_statistics_do_not_depend_on_the_chunks();
  test_the_scalar_stage_takes_host_arrays();
  return lpreg::test::finish();
}
