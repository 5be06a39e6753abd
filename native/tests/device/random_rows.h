// Random rows of logits for the per-row operations: any dtype, stride, mask and id dtype; masked rows hold
// NaN, and some valid ones hold -inf.
#pragma once

#include <random>
#include <vector>

#include "back_end.h"
#include "core/half.h"

namespace lpreg::test {

struct RandomRows {
  std::mt19937_64 random;
  int64_t rows, vocab, stride;
  int32_t dtype;
  std::vector<float> logits;  // [rows, stride], before they are rounded to dtype
  std::vector<int64_t> actions;
  std::vector<uint8_t> mask;
  bool wide_ids;
  lpreg_row_options options{};

  RandomRows(uint64_t seed, int64_t vocabulary) : random(seed), vocab(vocabulary) {
    rows = below(7);
    stride = vocab + (chance(0.5) ? below(9) : 0);
    dtype = static_cast<int32_t>(below(3));
    wide_ids = chance(0.3);
    const double masked = seed % 11 == 0 ? 1 : 0.25;
    for (int64_t row = 0; row < rows; ++row) draw_row(chance(masked));
    draw_options();
  }

  int64_t below(uint64_t n) { return static_cast<int64_t>(random() % n); }
  bool chance(double p) { return uniform(0, 1) < p; }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  }
  float& logit(int64_t row, int64_t token) { return logits[static_cast<size_t>(row * stride + token)]; }
  size_t count() const { return static_cast<size_t>(rows); }

  // The batch in the back end's memory.
  lpreg_batch batch(BackEnd* on) const {
    lpreg_batch batch{};
    batch.struct_size = sizeof batch;
    batch.sequences = rows;
    batch.tokens = 1;
    batch.rows = rows;
    batch.vocab = vocab;
    batch.logits = {put_logits(on), dtype, stride, 0};
    batch.mask = on->put(mask);
    batch.action_dtype = wide_ids ? LPREG_INT64 : LPREG_INT32;
    const std::vector<int32_t> narrow(actions.begin(), actions.end());
    batch.actions = wide_ids ? static_cast<void*>(on->put(actions)) : static_cast<void*>(on->put(narrow));
    return batch;
  }

  size_t element_size() const { return dtype == LPREG_FLOAT32 ? 4 : 2; }

 private:
  void draw_row(bool masked) {
    std::normal_distribution<double> normal(0, chance(0.2) ? 0.01 : 4);
    const bool holes = chance(0.3);
    mask.push_back(!masked);
    actions.push_back(masked ? -100 : below(static_cast<uint64_t>(vocab)));
    for (int64_t v = 0; v < stride; ++v) {
      float z = static_cast<float>(normal(random));
      if (holes && v != actions.back() && chance(0.3)) z = -HUGE_VALF;
      logits.push_back(masked || v >= vocab ? NAN : z);
    }
  }

  void draw_options() {
    options.temperature = chance(0.5) ? 1 : uniform(0.5, 1.5);
    options.softcap = chance(0.25) ? 20 : 0;
    options.proxy = LPREG_PROXY_CURRENT;
    options.filter_kind = chance(0.5) ? LPREG_FILTER_MIN_P : LPREG_FILTER_FIXED;
    options.filter_value = chance(0.3) ? uniform(0.5, 1) : uniform(0.001, 0.2);
    options.filter_on = static_cast<int32_t>(below(2));
    if (options.filter_kind == LPREG_FILTER_FIXED) options.filter_empty = static_cast<int32_t>(below(2));
  }

  void* put_logits(BackEnd* on) const {
    if (dtype == LPREG_FLOAT32) return on->put(logits);
    std::vector<uint16_t> bits;
    for (const float z : logits) {
      bits.push_back(dtype == LPREG_FLOAT16 ? core::float_to_float16(z) : core::float_to_bfloat16(z));
    }
    return on->put(bits);
  }
};

}  // namespace lpreg::test
