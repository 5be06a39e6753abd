// A small random batch behind the C ABI, for tests of the library's internals.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "include/lpreg.h"

namespace lpreg::test {

struct RandomBatch {
  std::vector<float> logits, old_logits, old_log_probs, advantages;
  std::vector<int32_t> actions;
  std::vector<uint8_t> mask;
  lpreg_batch batch{};

  RandomBatch(int64_t sequences, int64_t tokens, int64_t vocab, uint64_t seed, double masked_share = 0.2) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal(0, 3);
    std::uniform_real_distribution<double> uniform(0, 1);
    const int64_t rows = sequences * tokens;
    for (int64_t i = 0; i < rows * vocab; ++i) {
      logits.push_back(normal(random));
      old_logits.push_back(logits.back() + 0.1f * normal(random));
    }
    for (int64_t i = 0; i < rows; ++i) {
      actions.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(vocab)));
      mask.push_back(uniform(random) >= masked_share);
      old_log_probs.push_back(-std::fabs(normal(random)));
      advantages.push_back(normal(random));
    }
    batch.struct_size = sizeof batch;
    batch.sequences = sequences;
    batch.tokens = tokens;
    batch.rows = rows;
    batch.vocab = vocab;
    batch.logits = {logits.data(), LPREG_FLOAT32, vocab, 0};
    batch.actions = actions.data();
    batch.mask = mask.data();
    batch.old_log_probs = old_log_probs.data();
    batch.advantages = advantages.data();
  }

  RandomBatch(const RandomBatch&) = delete;
  RandomBatch& operator=(const RandomBatch&) = delete;
};

class Context {
 public:
  explicit Context(int threads) : api(lpreg_get_api(LPREG_ABI_VERSION)) {
    const lpreg_context_options options{sizeof options, LPREG_BACKEND_CPU, threads, 0, 0};
    api->context_create(&options, &context, nullptr);
  }
  ~Context() { api->context_destroy(context); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const lpreg_api* api;
  lpreg_context* context = nullptr;
};

}  // namespace lpreg::test
