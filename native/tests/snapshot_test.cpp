// A snapshot of the old policy's proxies stands for its logits: same loss, same gradient, bounded size.
#include <cmath>

#include "check.h"
#include "random_batch.h"

using namespace lpreg::test;

namespace {

constexpr int64_t kVocab = 61;

struct Snapshot {
  std::vector<int64_t> row_ptr;
  std::vector<int32_t> ids;
  std::vector<float> log_q, log_kept_mass;
  std::vector<uint8_t> uniform;
  lpreg_snapshot view{};

  Snapshot(int64_t rows, int64_t capacity)
      : row_ptr(static_cast<size_t>(rows) + 1),
        ids(static_cast<size_t>(capacity)),
        log_q(static_cast<size_t>(capacity)),
        log_kept_mass(static_cast<size_t>(rows)),
        uniform(static_cast<size_t>(rows)) {
    view = {sizeof view,          rows,          capacity, row_ptr.data(), ids.data(), log_q.data(),
            log_kept_mass.data(), uniform.data()};
  }
};

struct Evaluation {
  double loss;
  std::vector<float> gradient;
};

Evaluation evaluate(const Context& context, const lpreg_loss_options& options, const lpreg_batch& batch) {
  Evaluation evaluation{0, std::vector<float>(static_cast<size_t>(batch.rows * kVocab))};
  size_t bytes = 0;
  CHECK(context.api->loss_workspace_size(context.context, &options, &batch, &bytes, nullptr) == LPREG_OK);
  std::vector<double> workspace(bytes / sizeof(double) + 1);
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  const lpreg_matrix gradient{evaluation.gradient.data(), LPREG_FLOAT32, kVocab, 0};
  lpreg_error error{};
  error.struct_size = sizeof error;
  const lpreg_status status = context.api->loss_forward_backward(
      context.context, &options, &batch, workspace.data(), bytes, {LPREG_HOST, 1, nullptr}, &gradient,
      nullptr, &result, nullptr, &error);
  if (!CHECK(status == LPREG_OK)) std::printf("  %s: %s\n", error.argument, error.message);
  evaluation.loss = result.loss;
  return evaluation;
}

lpreg_loss_options paper_options(int variant) {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = variant == 3 ? LPREG_LP_REG_REFERENCE : LPREG_LP_REG_PAPER;
  options.row.temperature = 1.2;
  options.row.softcap = variant == 1 ? 8 : 0;
  options.row.filter_kind = variant == 2 ? LPREG_FILTER_FIXED : LPREG_FILTER_MIN_P;
  options.row.filter_value = variant == 2 ? 0.6 : 0.03;
  options.row.filter_empty = variant == 2 ? LPREG_EMPTY_UNIFORM : LPREG_EMPTY_ARGMAX;
  options.row.proxy = LPREG_PROXY_OLD;
  options.clip_low = 1;
  options.clip_high = 9;
  options.beta = 1;
  if (variant == 3) {
    options.rho_negative = 0.8;
    options.estimator = LPREG_K3;
  } else {
    options.rho = 0.9;
  }
  return options;
}

void compare(const Context& context, int variant) {
  RandomBatch data(4, 8, kVocab, 5 + static_cast<uint64_t>(variant));
  lpreg_loss_options options = paper_options(variant);
  lpreg_batch with_logits = data.batch;
  with_logits.old_logits = {data.old_logits.data(), LPREG_FLOAT32, kVocab, 0};
  const Evaluation expected = evaluate(context, options, with_logits);

  lpreg_batch old = data.batch;
  old.logits = with_logits.old_logits;
  old.actions = nullptr;
  lpreg_row_options filter = options.row;
  filter.proxy = LPREG_PROXY_CURRENT;
  int64_t entries = 0;
  std::vector<lpreg_row_state> states(static_cast<size_t>(data.batch.rows));
  CHECK(context.api->snapshot_size(context.context, &filter, &old, states.data(), &entries, nullptr,
                                   nullptr) == LPREG_OK);
  CHECK(entries > 0);
  Snapshot small(data.batch.rows, entries - 1);
  lpreg_error error{};
  error.struct_size = sizeof error;
  CHECK(context.api->snapshot_write(context.context, &filter, &old, states.data(), &small.view, nullptr,
                                    &error) == LPREG_ERR_SNAPSHOT_TOO_LARGE);
  CHECK(small.row_ptr.back() == entries);  // what to come back with
  Snapshot snapshot(data.batch.rows, entries);
  CHECK(context.api->snapshot_write(context.context, &filter, &old, states.data(), &snapshot.view, nullptr,
                                    nullptr) == LPREG_OK);
  CHECK(snapshot.row_ptr.back() == entries);
  for (size_t row = 0; row < static_cast<size_t>(data.batch.rows); ++row) {
    double mass = 0;
    for (auto k = static_cast<size_t>(snapshot.row_ptr[row]);
         k < static_cast<size_t>(snapshot.row_ptr[row + 1]); ++k) {
      mass += std::exp(snapshot.log_q[k]);
    }
    const bool empty = data.mask[row] == 0 || snapshot.uniform[row] != 0;
    CHECK_NEAR(mass, empty ? 0 : 1, 1e-6);
  }

  options.row.proxy = LPREG_PROXY_SNAPSHOT;
  options.row.filter_kind = LPREG_FILTER_NONE;
  options.row.filter_value = 0;
  options.row.filter_empty = LPREG_EMPTY_ARGMAX;
  lpreg_batch with_snapshot = data.batch;
  with_snapshot.proxy_snapshot = &snapshot.view;
  const Evaluation actual = evaluate(context, options, with_snapshot);
  CHECK_NEAR(actual.loss, expected.loss, 1e-6);
  for (size_t i = 0; i < actual.gradient.size(); ++i)
    CHECK_NEAR(actual.gradient[i], expected.gradient[i], 1e-7);

  snapshot.ids[0] = static_cast<int32_t>(kVocab);  // hostile content is refused, not followed
  std::vector<double> workspace(1 << 14);
  CHECK(context.api->loss_forward(context.context, &options, &with_snapshot, workspace.data(),
                                  workspace.size() * 8, nullptr, nullptr, nullptr,
                                  &error) == LPREG_ERR_SHAPE);
}

}  // namespace

int main() {
  const Context context(2);
  for (int variant = 0; variant < 4; ++variant) compare(context, variant);
  return finish();
}
