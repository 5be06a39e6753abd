// Whole losses, per-token operations, the scalar stage and snapshots through the C ABI, with whatever a
// fuzzer thinks of. Besides what the sanitizers see: an error says what is wrong, and leaves alone what it
// calls untouched.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fuzzed_batch.h"

namespace {

using lpreg::fuzz::FuzzedBatch;

#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

const lpreg_api& api() { return *lpreg_get_api(LPREG_ABI_VERSION); }

lpreg_context* context() {
  static lpreg_context* const shared = [] {
    lpreg_context_options options{};
    options.struct_size = sizeof options;
    options.threads = 2;
    lpreg_context* created = nullptr;
    REQUIRE(api().context_create(&options, &created, nullptr) == LPREG_OK);
    return created;
  }();
  return shared;
}

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  return error;
}

void require_sound(lpreg_status status, const lpreg_error& error) {
  if (status == LPREG_OK) return;
  REQUIRE(status != LPREG_ERR_INTERNAL);
  REQUIRE(error.status == status);
  REQUIRE(error.message[0] != '\0');
  REQUIRE(std::memchr(error.message, 0, sizeof error.message) != nullptr);
  REQUIRE(std::memchr(error.argument, 0, sizeof error.argument) != nullptr);
  REQUIRE(error.index >= -1);
}

// Errors that are met while results are being written; all others come before.
bool is_found_late(lpreg_status status) {
  return status == LPREG_ERR_NON_FINITE_LOGITS || status == LPREG_ERR_NON_FINITE_LOSS ||
         status == LPREG_ERR_CANCELLED;
}

// Two copies of what a call may write, and whether it had the right to.
class Buffers {
 public:
  explicit Buffers(const FuzzedBatch& fuzzed)
      : fuzzed_(fuzzed), gradient_(fuzzed.gradient_bytes()), logits_(fuzzed.logits_bytes()) {}

  void require_kept(lpreg_status status, const lpreg_error& error) const {
    if (!fuzzed_.in_place()) REQUIRE(fuzzed_.logits_bytes() == logits_);
    if (status != LPREG_OK && !is_found_late(status)) REQUIRE(fuzzed_.outputs_are_untouched());
    require_gradient_kept(status, error);
  }

  void require_gradient_kept(lpreg_status status, const lpreg_error& error) const {
    if (status == LPREG_OK || error.output_status == LPREG_CONSUMED) return;
    REQUIRE(fuzzed_.gradient_bytes() == gradient_);
  }

 private:
  const FuzzedBatch& fuzzed_;
  const std::vector<uint8_t> gradient_, logits_;
};

void run_loss(FuzzedBatch* fuzzed, bool in_two_calls) {
  lpreg_error error = empty_error();
  size_t bytes = 0;
  lpreg_status status =
      api().loss_workspace_size(context(), &fuzzed->options, &fuzzed->batch, &bytes, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  std::vector<uint8_t> workspace(bytes);
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  const Buffers before(*fuzzed);
  if (in_two_calls) {
    status = api().loss_forward(context(), &fuzzed->options, &fuzzed->batch, workspace.data(), bytes,
                                &fuzzed->outputs, &result, fuzzed->call, &error);
  } else {
    status = api().loss_forward_backward(context(), &fuzzed->options, &fuzzed->batch, workspace.data(), bytes,
                                         fuzzed->grad_output, &fuzzed->gradient, &fuzzed->outputs, &result,
                                         fuzzed->call, &error);
  }
  require_sound(status, error);
  before.require_kept(status, error);
  if (status != LPREG_OK) return;
  if (fuzzed->options.non_finite == LPREG_NON_FINITE_ERROR) REQUIRE(result.loss == result.loss);
  if (!in_two_calls) return;
  status = api().loss_backward(context(), &fuzzed->options, &fuzzed->batch, workspace.data(), bytes,
                               fuzzed->grad_output, &fuzzed->gradient, fuzzed->call, &error);
  require_sound(status, error);
  before.require_gradient_kept(status, error);
}

void run_objective(FuzzedBatch* fuzzed) {
  lpreg_error error = empty_error();
  size_t bytes = 0;
  lpreg_status status =
      api().objective_workspace_size(context(), &fuzzed->options, &fuzzed->batch, &bytes, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  std::vector<uint8_t> workspace(bytes);
  lpreg_token_outputs tokens{};
  tokens.struct_size = sizeof tokens;
  const auto rows = static_cast<size_t>(fuzzed->rows());
  std::vector<float> numbers(rows, -1.5F);
  std::vector<uint8_t> flags(rows, 0);
  tokens.log_prob = tokens.entropy = tokens.log_kept_mass = tokens.proxy_log_prob = tokens.kl =
      numbers.data();
  tokens.action_is_max = flags.data();
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  status = api().objective(context(), &fuzzed->options, &fuzzed->batch, &tokens, workspace.data(), bytes,
                           &fuzzed->outputs, &result, nullptr, &error);
  require_sound(status, error);
}

void run_token_stats(FuzzedBatch* fuzzed) {
  const auto rows = static_cast<size_t>(fuzzed->rows());
  std::vector<lpreg_row_state> states(rows), proxy_states(rows);
  const bool old = fuzzed->options.row.proxy == LPREG_PROXY_OLD;
  lpreg_row_state* const proxies = old ? proxy_states.data() : nullptr;
  lpreg_error error = empty_error();
  const Buffers before(*fuzzed);
  lpreg_status status =
      api().token_stats(context(), &fuzzed->options.row, &fuzzed->batch, fuzzed->options.non_finite,
                        states.data(), proxies, &fuzzed->outputs, fuzzed->call, &error);
  require_sound(status, error);
  before.require_kept(status, error);
  if (status != LPREG_OK) return;
  const std::vector<float> ones(rows, 1);
  error = empty_error();
  status =
      api().token_stats_backward(context(), &fuzzed->options.row, &fuzzed->batch, states.data(), proxies,
                                 ones.data(), ones.data(), nullptr, &fuzzed->gradient, fuzzed->call, &error);
  require_sound(status, error);
  before.require_gradient_kept(status, error);
}

void run_snapshot(FuzzedBatch* fuzzed) {
  lpreg_error error = empty_error();
  std::vector<lpreg_row_state> states(static_cast<size_t>(fuzzed->rows()));
  int64_t entries = 0;
  lpreg_status status = api().snapshot_size(context(), &fuzzed->options.row, &fuzzed->batch, states.data(),
                                            &entries, fuzzed->call, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  status = api().snapshot_write(context(), &fuzzed->options.row, &fuzzed->batch, states.data(),
                                &fuzzed->snapshot, fuzzed->call, &error);
  require_sound(status, error);
  if (status == LPREG_ERR_SNAPSHOT_TOO_LARGE) REQUIRE(entries > fuzzed->snapshot.capacity);
  if (status != LPREG_OK) return;
  REQUIRE(fuzzed->snapshot.row_ptr[fuzzed->rows()] == entries);
  REQUIRE(fuzzed->snapshot.row_ptr[fuzzed->rows()] <= fuzzed->snapshot.capacity);
  fuzzed->options.row.proxy = LPREG_PROXY_SNAPSHOT;
  fuzzed->batch.proxy_snapshot = &fuzzed->snapshot;
  run_loss(fuzzed, false);
}

void run_parts(FuzzedBatch* fuzzed) {
  const auto rows = static_cast<size_t>(fuzzed->rows());
  std::vector<lpreg_row_part> parts(rows);
  std::vector<lpreg_row_kept> kept(rows);
  std::vector<lpreg_row_state> states(rows);
  lpreg_error error = empty_error();
  const int64_t total = fuzzed->vocab();
  lpreg_status status = api().row_parts(context(), &fuzzed->options.row, &fuzzed->batch, 0, total,
                                        parts.data(), nullptr, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  status = api().row_kept(context(), &fuzzed->options.row, &fuzzed->batch, 0, total, parts.data(),
                          kept.data(), nullptr, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  status = api().row_finalize(context(), &fuzzed->options.row, fuzzed->rows(), total, fuzzed->batch.mask,
                              parts.data(), kept.data(), states.data(), nullptr, &error);
  require_sound(status, error);
  if (status != LPREG_OK) return;
  const std::vector<float> ones(rows, 1);
  const Buffers before(*fuzzed);
  status = api().row_gradient(context(), &fuzzed->options.row, &fuzzed->batch, 0, total, states.data(),
                              ones.data(), ones.data(), nullptr, &fuzzed->gradient, fuzzed->call, &error);
  require_sound(status, error);
  before.require_gradient_kept(status, error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  const uint8_t call = data.ConsumeIntegral<uint8_t>();
  FuzzedBatch fuzzed(&data);
  if (data.ConsumeBool()) fuzzed.spoil(&data);
  switch (call % 8) {
    case 0:
      run_objective(&fuzzed);
      break;
    case 1:
      run_token_stats(&fuzzed);
      break;
    case 2:
      run_snapshot(&fuzzed);
      break;
    case 3:
      run_parts(&fuzzed);
      break;
    default:
      run_loss(&fuzzed, call % 2 == 0);
      break;
  }
  return 0;
}
