// Batches and losses of the engine's benchmark, alike to those of lib/bench: peaked logits as of a trained
// model, flat ones standard normal; few distinct rows, repeated.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/half.h"
#include "include/lpreg.h"

namespace lpreg::bench {

struct Case {
  lpreg_loss_options options{};
  bool forward_only = false;
  bool out_of_place = false;
  bool entropy = true;
};

inline Case case_named(const std::string& loss, const std::string& form) {
  Case item;
  lpreg_loss_options& options = item.options;
  options.struct_size = sizeof options;
  options.row.temperature = 1;
  options.clip_low = options.clip_high = 0.2;
  item.forward_only = form == "forward";
  item.out_of_place = form == "out-of-place";
  if (loss == "gspo") {
    options.objective = LPREG_GSPO;
    options.aggregation = LPREG_SEQ_MEAN_TOKEN_MEAN;
  }
  if (loss == "80-20") {
    options.objective = LPREG_TOP_ENTROPY;
    options.top_fraction = 0.2;
  }
  if (loss == "grpo+entropy") options.entropy_coef = 0.001;
  if (loss.rfind("lp-reg", 0) != 0) return item;
  options.row.proxy = loss == "lp-reg-old-proxy" ? LPREG_PROXY_OLD : LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.02;
  options.beta = options.clip_low = 1;
  options.clip_high = 9;
  options.objective = loss == "lp-reg-kept" ? LPREG_LP_REG_KEPT : LPREG_LP_REG_PAPER;
  if (loss == "lp-reg-kept") {
    options.estimator = LPREG_K3;
  } else {
    options.rho = 0.01;
  }
  return item;
}

class Batch {
 public:
  Batch(int64_t rows, int64_t vocab, const std::string& dtype, bool peaked)
      : element_(dtype == "float32" ? 4 : 2),
        row_bytes_(static_cast<size_t>(vocab) * element_),
        logits_(static_cast<size_t>(rows) * row_bytes_),
        target_(logits_.size()) {
    std::mt19937_64 random(1);
    draw_tile(std::min<int64_t>(rows, kDistinctRows), vocab, dtype, peaked, &random);
    draw_tokens(rows, vocab, &random);
    const int32_t code = dtype == "float32"   ? LPREG_FLOAT32
                         : dtype == "float16" ? LPREG_FLOAT16
                                              : LPREG_BFLOAT16;
    view_.struct_size = sizeof view_;
    view_.sequences = 1;
    view_.tokens = view_.rows = rows;
    view_.vocab = vocab;
    view_.logits = {logits_.data(), code, vocab, 0};
    view_.actions = actions_.data();
    view_.old_log_probs = old_log_probs_.data();
    view_.advantages = advantages_.data();
    outputs_.struct_size = sizeof outputs_;
    outputs_.log_prob = log_probs_.data();
    outputs_.entropy = entropies_.data();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void restore() {
    for (size_t begin = 0; begin < logits_.size(); begin += tile_.size()) {
      std::memcpy(&logits_[begin], tile_.data(), std::min(tile_.size(), logits_.size() - begin));
    }
  }
  // Another batch's logits, which are the same tile.
  void set_old_logits(const Batch& old) { view_.old_logits = old.view_.logits; }

  const lpreg_batch& view() const { return view_; }
  const lpreg_token_outputs& outputs() const { return outputs_; }
  const char* logits() const { return logits_.data(); }
  char* copy_target() { return target_.data(); }
  lpreg_matrix gradient(bool out_of_place) {
    lpreg_matrix gradient = view_.logits;
    if (out_of_place) gradient.data = target_.data();
    return gradient;
  }
  size_t bytes() const { return logits_.size(); }

 private:
  static constexpr int64_t kDistinctRows = 8;
  static constexpr int kHeads = 8;

  void draw_tile(int64_t rows, int64_t vocab, const std::string& dtype, bool peaked,
                 std::mt19937_64* random) {
    std::normal_distribution<float> normal(0, peaked ? 2.0F : 1.0F);
    std::vector<float> values(static_cast<size_t>(rows * vocab));
    for (float& value : values) value = normal(*random);
    for (int64_t row = 0; row < rows && peaked && vocab > 2 * kHeads; ++row) {
      const float background = std::log(static_cast<float>(vocab)) + 2;
      for (int rank = 0; rank < kHeads; ++rank) {
        const auto column = static_cast<int64_t>((*random)() % static_cast<uint64_t>(vocab));
        values[static_cast<size_t>(row * vocab + column)] = background + 3 - 0.8F * static_cast<float>(rank);
      }
    }
    tile_.resize(static_cast<size_t>(rows) * row_bytes_);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t half =
          dtype == "float16" ? core::float_to_float16(values[i]) : core::float_to_bfloat16(values[i]);
      std::memcpy(&tile_[i * element_], element_ == 4 ? static_cast<void*>(&values[i]) : &half, element_);
    }
  }

  void draw_tokens(int64_t rows, int64_t vocab, std::mt19937_64* random) {
    std::normal_distribution<float> normal(0, 1);
    for (int64_t row = 0; row < rows; ++row) {
      actions_.push_back(static_cast<int32_t>((*random)() % static_cast<uint64_t>(vocab)));
      old_log_probs_.push_back(-std::log(static_cast<float>(vocab)) - 1);
      advantages_.push_back(normal(*random));
    }
    log_probs_.resize(actions_.size());
    entropies_.resize(actions_.size());
  }

  size_t element_, row_bytes_;
  std::vector<char> logits_, target_, tile_;
  std::vector<int32_t> actions_;
  std::vector<float> old_log_probs_, advantages_, log_probs_, entropies_;
  lpreg_batch view_{};
  lpreg_token_outputs outputs_{};
};

}  // namespace lpreg::bench
