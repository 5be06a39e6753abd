// Sizes and strides at the ends of 64 bits are refused, and no sum on the way there overflows.
#include <cstdint>
#include <initializer_list>

#include "check.h"
#include "include/lpreg.h"

namespace {

struct Layout {
  int64_t sequences = 1, tokens = 2, rows = 2, vocab = 3, row_stride = 3, sequence_stride = 0;
};

lpreg_status stats_status(const Layout& layout) {
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  static lpreg_context* const context = [&] {
    lpreg_context_options options{};
    options.struct_size = sizeof options;
    lpreg_context* created = nullptr;
    CHECK(api.context_create(&options, &created, nullptr) == LPREG_OK);
    return created;
  }();
  float logits[6] = {};
  const int32_t actions[2] = {};
  lpreg_batch batch{};
  batch.struct_size = sizeof batch;
  batch.sequences = layout.sequences;
  batch.tokens = layout.tokens;
  batch.rows = layout.rows;
  batch.vocab = layout.vocab;
  batch.logits = {logits, LPREG_FLOAT32, layout.row_stride, layout.sequence_stride};
  batch.actions = actions;
  lpreg_row_options options{};
  options.temperature = 1;
  lpreg_token_outputs outputs{};
  outputs.struct_size = sizeof outputs;
  lpreg_row_state states[2];
  return api.token_stats(context, &options, &batch, LPREG_NON_FINITE_ERROR, states, nullptr, &outputs,
                         nullptr, nullptr);
}

Layout with(int64_t Layout::*field, int64_t value) {
  Layout layout;
  layout.*field = value;
  return layout;
}

}  // namespace

int main() {
  CHECK(stats_status({}) == LPREG_OK);
  for (const int64_t value :
       {INT64_MIN, INT64_MIN + 1, int64_t{-1}, INT64_MAX, INT64_MAX - 1, INT64_MAX / 2}) {
    CHECK(stats_status(with(&Layout::sequences, value)) == LPREG_ERR_SHAPE);
    CHECK(stats_status(with(&Layout::tokens, value)) == LPREG_ERR_SHAPE);
    CHECK(stats_status(with(&Layout::rows, value)) == LPREG_ERR_SHAPE);
    CHECK(stats_status(with(&Layout::vocab, value)) == LPREG_ERR_SHAPE);
    // Found by the fuzzer: without rows nobody looked at the vocabulary, and a buffer of its length was asked
    // for.
    CHECK(stats_status({0, 0, 0, value}) == LPREG_ERR_SHAPE);
    CHECK(stats_status(with(&Layout::row_stride, value)) == LPREG_ERR_STRIDE);
    // Found by the fuzzer: a sequence stride so small that the vocabulary could not be taken from it. A large
    // one of a single sequence is never used.
    const lpreg_status status = stats_status(with(&Layout::sequence_stride, value));
    CHECK(status == (value < 0 ? LPREG_ERR_STRIDE : LPREG_OK));
  }
  return lpreg::test::finish();
}
