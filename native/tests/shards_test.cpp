// Split statistics: the parts of any sharding of the vocabulary, merged, give the whole row's state and
// gradient.
#include <cmath>
#include <cstring>

#include "check.h"
#include "random_batch.h"

using namespace lpreg::test;

namespace {

// Cuts of the vocabulary, some shards of width 1 and some all -inf.
const std::vector<std::vector<int64_t>> kShardings = {{0, 97}, {0, 1, 97}, {0, 30, 31, 96, 97}, {0, 50, 97}};
constexpr int64_t kVocab = 97;

lpreg_row_options options_of(int variant) {
  lpreg_row_options options{};
  options.temperature = variant % 2 == 0 ? 1 : 0.7;
  options.softcap = variant % 3 == 2 ? 20 : 0;
  options.proxy = LPREG_PROXY_CURRENT;
  options.filter_kind = variant < 4 ? LPREG_FILTER_MIN_P : LPREG_FILTER_FIXED;
  options.filter_value = variant < 4 ? 0.05 : (variant < 6 ? 0.01 : 0.99);
  options.filter_on = variant % 4 == 1 ? LPREG_ON_RAW : LPREG_ON_SCALED;
  options.filter_empty = variant == 7 ? LPREG_EMPTY_UNIFORM : LPREG_EMPTY_ARGMAX;
  return options;
}

struct Run {
  Context& context;
  const lpreg_row_options& options;
  const RandomBatch& data;
  const std::vector<int64_t>& cuts;

  size_t rows() const { return static_cast<size_t>(data.batch.rows); }
  size_t shards() const { return cuts.size() - 1; }

  lpreg_batch shard(size_t k) const {
    lpreg_batch batch = data.batch;
    batch.vocab = cuts[k + 1] - cuts[k];
    batch.logits.data = static_cast<float*>(batch.logits.data) + cuts[k];
    return batch;
  }

  std::vector<lpreg_row_state> merged_states() const {
    std::vector<lpreg_row_part> parts(shards() * rows());
    std::vector<lpreg_row_part> merged(rows());
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      CHECK(context.api->row_parts(context.context, &options, &batch, cuts[k], kVocab, &parts[k * rows()],
                                   nullptr, nullptr) == LPREG_OK);
    }
    const auto count = static_cast<int64_t>(shards());
    CHECK(context.api->row_parts_merge(context.context, &options, data.batch.rows, count, parts.data(),
                                       merged.data(), nullptr, nullptr) == LPREG_OK);
    std::vector<lpreg_row_kept> kept(shards() * rows());
    std::vector<lpreg_row_kept> all_kept(rows());
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      CHECK(context.api->row_kept(context.context, &options, &batch, cuts[k], kVocab, merged.data(),
                                  &kept[k * rows()], nullptr, nullptr) == LPREG_OK);
    }
    CHECK(context.api->row_kept_merge(context.context, data.batch.rows, count, kept.data(), all_kept.data(),
                                      nullptr, nullptr) == LPREG_OK);
    std::vector<lpreg_row_state> states(rows());
    CHECK(context.api->row_finalize(context.context, &options, data.batch.rows, kVocab, data.batch.mask,
                                    merged.data(), all_kept.data(), states.data(), nullptr,
                                    nullptr) == LPREG_OK);
    return states;
  }
};

void compare_states(const lpreg_row_state& a, const lpreg_row_state& b) {
  CHECK(a.max == b.max && a.keep_count == b.keep_count && a.flags == b.flags);
  CHECK_NEAR(a.log_sum_exp, b.log_sum_exp, 3e-7);
  CHECK_NEAR(a.log_prob, b.log_prob, 3e-7);
  CHECK_NEAR(a.entropy, b.entropy, 2e-6);
  CHECK_NEAR(a.log_kept_mass, b.log_kept_mass, 3e-7);
  CHECK_NEAR(a.proxy_log_prob, b.proxy_log_prob, 6e-7);
  CHECK_NEAR(a.kl, b.kl, 2e-6);
}

void compare(Context& context, const lpreg_row_options& options, const RandomBatch& data,
             const std::vector<int64_t>& cuts) {
  const Run run{context, options, data, cuts};
  const auto rows = run.rows();
  std::vector<lpreg_row_state> whole(rows);
  std::vector<float> log_prob(rows);
  lpreg_token_outputs outputs{};
  outputs.struct_size = sizeof outputs;
  outputs.log_prob = log_prob.data();
  CHECK(context.api->token_stats(context.context, &options, &data.batch, LPREG_NON_FINITE_ERROR, whole.data(),
                                 nullptr, &outputs, nullptr, nullptr) == LPREG_OK);
  const std::vector<lpreg_row_state> states = run.merged_states();
  for (size_t row = 0; row < rows; ++row) compare_states(states[row], whole[row]);

  const std::vector<float> d_log_prob(rows, 0.7f);
  const std::vector<float> d_entropy(rows, -0.3f);
  const std::vector<float> d_kl(rows, 0.9f);
  std::vector<float> expected(rows * kVocab, NAN);
  std::vector<float> actual(rows * kVocab, NAN);
  lpreg_matrix gradient{expected.data(), LPREG_FLOAT32, kVocab, 0};
  CHECK(context.api->token_stats_backward(context.context, &options, &data.batch, whole.data(), nullptr,
                                          d_log_prob.data(), d_entropy.data(), d_kl.data(), &gradient,
                                          nullptr, nullptr) == LPREG_OK);
  for (size_t k = 0; k < run.shards(); ++k) {
    const lpreg_batch batch = run.shard(k);
    gradient.data = actual.data() + cuts[k];
    CHECK(context.api->row_gradient(context.context, &options, &batch, cuts[k], kVocab, states.data(),
                                    d_log_prob.data(), d_entropy.data(), d_kl.data(), &gradient, nullptr,
                                    nullptr) == LPREG_OK);
  }
  for (size_t i = 0; i < actual.size(); ++i) CHECK_NEAR(actual[i], expected[i], 4e-7);
}

}  // namespace

int main() {
  Context context(2);
  RandomBatch data(3, 5, kVocab, 11);
  for (int64_t v = 0; v < 30; ++v) data.logits[static_cast<size_t>(v)] = -HUGE_VALF;  // a shard without mass
  data.actions[0] = 40;
  for (int variant = 0; variant < 8; ++variant) {
    const lpreg_row_options options = options_of(variant);
    // An empty shard makes KL to the uniform proxy infinite, which is not what is compared here.
    if (options.filter_empty == LPREG_EMPTY_UNIFORM) {
      for (int64_t v = 0; v < 30; ++v) data.logits[static_cast<size_t>(v)] = -5;
    }
    for (const auto& cuts : kShardings) compare(context, options, data, cuts);
  }
  return finish();
}
