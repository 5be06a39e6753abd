// Rows that the selection cannot reach are finished early: the k lowest are never among them, and the
// gradient of one pass is that of two.
#include "engine/selection_reach.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "check.h"
#include "random_batch.h"

using lpreg::LowestSeen;
using lpreg::test::Context;
using lpreg::test::RandomBatch;

namespace {

void lowest_values_are_never_excluded() {
  std::mt19937_64 random(1);
  for (const int64_t k : {0, 1, 3, 40}) {
    std::vector<double> values(200);
    for (double& value : values) value = -static_cast<double>(random() % 50);  // with ties
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    LowestSeen seen(k);
    for (const double value : values) {
      const bool is_lowest = k > 0 && value <= sorted[static_cast<size_t>(k - 1)];
      CHECK(seen.may_include(value) || !is_lowest);
    }
  }
}

void ascending_values_beyond_the_first_k_are_excluded() {
  LowestSeen seen(2);
  CHECK(seen.may_include(-3));
  CHECK(seen.may_include(-2));
  CHECK(!seen.may_include(-1));
  CHECK(seen.may_include(-2));
}

lpreg_loss_options options_of(int32_t objective, double rho, int32_t interpolation) {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = objective;
  options.row.temperature = 1;
  options.row.proxy = LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.02;
  options.clip_low = options.beta = 1;
  options.clip_high = 9;
  if (objective == LPREG_LP_REG_PAPER) {
    options.rho = rho;
    options.interpolation = interpolation;
  } else {
    options.rho_negative = options.rho_positive = rho;
    options.estimator = LPREG_K3;
  }
  return options;
}

void one_pass_equals_two(int32_t objective, double rho, int32_t interpolation, int threads) {
  const Context context(threads);
  RandomBatch random(4, 75, 16, 7);
  const lpreg_loss_options options = options_of(objective, rho, interpolation);
  size_t bytes = 0;
  context.api->loss_workspace_size(context.context, &options, &random.batch, &bytes, nullptr);
  std::vector<double> workspace(bytes / sizeof(double) + 1);
  std::vector<float> expected(random.logits.size());
  const lpreg_matrix gradient{expected.data(), LPREG_FLOAT32, 16, 0};
  const lpreg_scalar one{LPREG_HOST, 1, nullptr};
  lpreg_loss_result two_passes{};
  lpreg_loss_result one_pass{};
  two_passes.struct_size = one_pass.struct_size = sizeof one_pass;
  CHECK(context.api->loss_forward(context.context, &options, &random.batch, workspace.data(), bytes, nullptr,
                                  &two_passes, nullptr, nullptr) == LPREG_OK);
  CHECK(context.api->loss_backward(context.context, &options, &random.batch, workspace.data(), bytes, one,
                                   &gradient, nullptr, nullptr) == LPREG_OK);
  CHECK(context.api->loss_forward_backward(context.context, &options, &random.batch, workspace.data(), bytes,
                                           one, &random.batch.logits, nullptr, &one_pass, nullptr,
                                           nullptr) == LPREG_OK);
  CHECK(std::memcmp(expected.data(), random.logits.data(), expected.size() * sizeof(float)) == 0);
  CHECK(one_pass.loss == two_passes.loss);
  CHECK(one_pass.selected_count == two_passes.selected_count);
  CHECK(one_pass.lowest_count == two_passes.lowest_count);
}

}  // namespace

int main() {
  lowest_values_are_never_excluded();
  ascending_values_beyond_the_first_k_are_excluded();
  for (const int threads : {1, 3}) {
    for (const double rho : {0.0, 0.02, 0.4, 1.0}) {
      one_pass_equals_two(LPREG_LP_REG_PAPER, rho, LPREG_LOWER, threads);
      one_pass_equals_two(LPREG_LP_REG_PAPER, rho, LPREG_LINEAR, threads);
      one_pass_equals_two(LPREG_LP_REG_REFERENCE, rho, 0, threads);
    }
  }
  return lpreg::test::finish();
}
