// Split statistics on the emulated device: the parts of any sharding, merged in any grouping, give what the
// CPU computes of whole rows, and so do the shards' gradients.
#include <algorithm>

#include "random_rows.h"

using namespace lpreg::test;

namespace {

struct Sharding {
  std::vector<int64_t> cuts;  // 0, ..., vocab
  size_t shards() const { return cuts.size() - 1; }
};

Sharding draw_cuts(RandomRows* data) {
  Sharding sharding{{0, data->vocab}};
  const int64_t wanted = data->below(4);
  for (int64_t k = 0; k < wanted && data->vocab > 1; ++k) {
    sharding.cuts.push_back(1 + data->below(static_cast<uint64_t>(data->vocab - 1)));
  }
  std::sort(sharding.cuts.begin(), sharding.cuts.end());
  sharding.cuts.erase(std::unique(sharding.cuts.begin(), sharding.cuts.end()), sharding.cuts.end());
  return sharding;
}

// Some shards of some rows hold nothing but -inf; sometimes a row holds NaN or +inf.
void spoil(RandomRows* data, const Sharding& sharding) {
  for (int64_t row = 0; row < data->rows; ++row) {
    for (size_t k = 0; k < sharding.shards(); ++k) {
      const int64_t begin = sharding.cuts[k], end = sharding.cuts[k + 1];
      const int64_t action = data->actions[static_cast<size_t>(row)];
      if ((action >= begin && action < end) || !data->chance(0.2)) continue;
      for (int64_t v = begin; v < end; ++v) data->logit(row, v) = -HUGE_VALF;
    }
    if (data->chance(0.1)) {
      data->logit(row, data->below(static_cast<uint64_t>(data->vocab))) = data->chance(0.5) ? NAN : HUGE_VALF;
    }
  }
}

class ShardedRun {
 public:
  ShardedRun(BackEnd* on, const RandomRows& data, const Sharding& sharding)
      : on_(*on), data_(data), sharding_(sharding), whole_(data.batch(on)) {
    parts_ = on_.reserve<lpreg_row_part>(shards() * rows());
    merged_ = on_.reserve<lpreg_row_part>(rows());
    kept_ = on_.reserve<lpreg_row_kept>(shards() * rows());
    all_kept_ = on_.reserve<lpreg_row_kept>(rows());
    states_ = on_.reserve<lpreg_row_state>(rows());
  }

  void compute_parts() {
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      on_.started(on_.api.row_parts(on_.context, &data_.options, &batch, sharding_.cuts[k], data_.vocab,
                                    offset(parts_, k * rows()), nullptr, &on_.error));
    }
  }

  // All at once, or one after the other from the last to the first.
  void merge(bool one_by_one) {
    if (!one_by_one) return merge_parts(static_cast<int64_t>(shards()), parts_, merged_);
    auto* pair = on_.reserve<lpreg_row_part>(2 * rows());
    for (size_t k = shards(); k-- > 0;) {
      const auto next = on_.get(offset(parts_, k * rows()), rows());
      on_.write(pair, next.data(), rows());
      const bool first = k + 1 == shards();
      if (!first) on_.write(offset(pair, rows()), on_.get(merged_, rows()).data(), rows());
      merge_parts(first ? 1 : 2, pair, merged_);
    }
  }

  std::vector<lpreg_row_state> finalize() {
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      on_.started(on_.api.row_kept(on_.context, &data_.options, &batch, sharding_.cuts[k], data_.vocab,
                                   merged_, offset(kept_, k * rows()), nullptr, &on_.error));
    }
    on_.started(on_.api.row_kept_merge(on_.context, data_.rows, static_cast<int64_t>(shards()), kept_,
                                       all_kept_, nullptr, &on_.error));
    on_.started(on_.api.row_finalize(on_.context, &data_.options, data_.rows, data_.vocab, whole_.mask,
                                     merged_, all_kept_, states_, nullptr, &on_.error));
    CHECK(on_.finish() == LPREG_OK);
    return on_.get(states_, rows());
  }

  // By shards, each into its columns of one matrix of float32.
  std::vector<float> gradient(const std::vector<float>& cotangent) {
    const auto elements = static_cast<size_t>(data_.rows * data_.vocab);
    auto* out = on_.reserve<float>(elements);
    const float* d = on_.put(cotangent);
    for (size_t k = 0; k < shards(); ++k) {
      const lpreg_batch batch = shard(k);
      const lpreg_matrix matrix{offset(out, static_cast<size_t>(sharding_.cuts[k])), LPREG_FLOAT32,
                                data_.vocab, 0};
      on_.started(on_.api.row_gradient(on_.context, &data_.options, &batch, sharding_.cuts[k], data_.vocab,
                                       states_, d, d, d, &matrix, nullptr, &on_.error));
    }
    CHECK(on_.finish() == LPREG_OK);
    return on_.get(out, elements);
  }

 private:
  size_t rows() const { return data_.count(); }
  size_t shards() const { return sharding_.shards(); }
  template <class T>
  static T* offset(T* base, size_t elements) {
    return base == nullptr ? nullptr : base + elements;
  }

  void merge_parts(int64_t count, const lpreg_row_part* parts, lpreg_row_part* merged) {
    on_.started(on_.api.row_parts_merge(on_.context, &data_.options, data_.rows, count, parts, merged,
                                        nullptr, &on_.error));
  }

  lpreg_batch shard(size_t k) const {
    lpreg_batch batch = whole_;
    batch.vocab = sharding_.cuts[k + 1] - sharding_.cuts[k];
    if (batch.logits.data == nullptr) return batch;
    batch.logits.data =
        static_cast<char*>(batch.logits.data) + static_cast<size_t>(sharding_.cuts[k]) * data_.element_size();
    return batch;
  }

  BackEnd& on_;
  const RandomRows& data_;
  const Sharding& sharding_;
  lpreg_batch whole_;
  lpreg_row_part* parts_;
  lpreg_row_part* merged_;
  lpreg_row_kept* kept_;
  lpreg_row_kept* all_kept_;
  lpreg_row_state* states_;
};

std::vector<lpreg_row_state> whole_states(BackEnd* on, const RandomRows& data) {
  const lpreg_batch batch = data.batch(on);
  auto* states = on->reserve<lpreg_row_state>(data.count());
  on->started(on->api.token_stats(on->context, &data.options, &batch, LPREG_NON_FINITE_PROPAGATE, states,
                                  nullptr, nullptr, nullptr, &on->error));
  return on->get(states, data.count());
}

void compare(uint64_t seed) {
  constexpr int64_t kVocabs[] = {1, 2, 7, 33, 97, 257, 1027, 2500};
  RandomRows data(seed, kVocabs[seed % 8]);
  const Sharding sharding = draw_cuts(&data);
  spoil(&data, sharding);
  BackEnd cpu(LPREG_BACKEND_CPU), device(LPREG_BACKEND_CUDA);
  ShardedRun expected(&cpu, data, sharding), actual(&device, data, sharding);
  const std::vector<lpreg_row_state> whole = whole_states(&cpu, data);
  expected.compute_parts();
  actual.compute_parts();
  for (const bool one_by_one : {true, false}) {
    expected.merge(one_by_one);
    actual.merge(one_by_one);
    const auto want = expected.finalize();
    const auto got = actual.finalize();
    for (size_t row = 0; row < data.count(); ++row) {
      check_state(got[row], want[row]);
      check_state(got[row], whole[row]);
    }
  }
  std::vector<float> cotangent(data.count());
  for (float& d : cotangent) d = data.chance(0.2) ? 0 : static_cast<float>(data.uniform(-1, 1));
  const auto want = expected.gradient(cotangent);
  const auto got = actual.gradient(cotangent);
  for (size_t i = 0; i < want.size(); ++i) check_value(got[i], want[i], "gradient");
}

void test_parts_in_any_grouping_give_the_whole_row() {
  for (uint64_t seed = 0; seed < 160; ++seed) compare(seed);
}

void test_an_action_beyond_the_vocabulary_is_found() {
  RandomRows data(5, 33);
  data.actions.assign(data.count(), 3);
  data.mask.assign(data.count(), 1);
  data.actions.back() = 33;
  BackEnd device(LPREG_BACKEND_CUDA);
  const lpreg_batch batch = data.batch(&device);
  auto* parts = device.reserve<lpreg_row_part>(data.count());
  CHECK(data.rows > 0);
  device.started(
      device.api.row_parts(device.context, &data.options, &batch, 10, 43, parts, nullptr, &device.error));
  CHECK(device.finish() == LPREG_OK);  // another shard may hold it
  device.started(
      device.api.row_parts(device.context, &data.options, &batch, 0, 33, parts, nullptr, &device.error));
  CHECK(device.finish() == LPREG_ERR_ACTION_RANGE && device.error.index == data.rows - 1);
}

void test_wrong_arguments_are_refused_at_once() {
  RandomRows data(4, 33);
  BackEnd device(LPREG_BACKEND_CUDA);
  const lpreg_api& api = device.api;
  const lpreg_batch batch = data.batch(&device);
  auto* parts = device.reserve<lpreg_row_part>(data.count() + 1);
  CHECK(api.row_parts(device.context, &data.options, &batch, 1, 33, parts, nullptr, &device.error) ==
        LPREG_ERR_SHAPE);
  CHECK(api.row_parts_merge(device.context, &data.options, -1, 1, parts, parts, nullptr, &device.error) ==
        LPREG_ERR_SHAPE);
  CHECK(api.row_parts_merge(device.context, &data.options, 1, 1, parts, nullptr, nullptr, &device.error) ==
        LPREG_ERR_MISSING);
  CHECK(api.row_finalize(device.context, &data.options, 1, 33, nullptr, parts, nullptr,
                         device.reserve<lpreg_row_state>(1), nullptr, &device.error) == LPREG_ERR_MISSING);
  CHECK(std::strcmp(device.error.argument, "kept") == 0);
}

}  // namespace

int main(int argc, char** argv) {
  under_each_schedule(
      argc, argv,
      {"guard=1,strict=1,lazy=1", "guard=1,strict=1,threads=96,order=starving", "device=t4,cluster=-1"}, [] {
        test_parts_in_any_grouping_give_the_whole_row();
        test_an_action_beyond_the_vocabulary_is_found();
        test_wrong_arguments_are_refused_at_once();
      });
  return finish();
}
