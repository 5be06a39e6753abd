// Rules of docs/semantics.md §8 about sizes, strides and memory, at the C ABI: the status, the argument, the
// index.
#include "refused_call.h"

namespace {

using namespace lpreg::test;

void shapes(Calls* calls) {
  const auto shape = [&](const char* name, const char* argument, int64_t lpreg_batch::*field, int64_t value) {
    calls->refuses(name, [=](Case& c) { c.batch.*field = value; }, {LPREG_ERR_SHAPE, argument, -1});
  };
  shape("rows that are not B*T", "rows", &lpreg_batch::rows, 5);
  shape("negative rows", "rows", &lpreg_batch::rows, -6);
  shape("negative sequences", "sequences", &lpreg_batch::sequences, -2);
  shape("negative tokens", "tokens", &lpreg_batch::tokens, -3);
  shape("more sequences than 31 bits", "sequences", &lpreg_batch::sequences, int64_t{1} << 31);
  shape("B*T that overflows", "rows", &lpreg_batch::tokens, INT64_MAX / 2 + 1);
  shape("no vocabulary", "vocab", &lpreg_batch::vocab, 0);
  shape("a vocabulary beyond 31 bits", "vocab", &lpreg_batch::vocab, int64_t{1} << 31);
  const auto packed = [&](const char* name, std::vector<int64_t> starts, int64_t index) {
    calls->refuses(name,
                   [&](Case& c) {
                     c.cu_seq_lens = starts;
                     c.batch.cu_seq_lens = c.cu_seq_lens.data();
                   },
                   {LPREG_ERR_SHAPE, "cu_seq_lens", index});
  };
  packed("packed rows that start late", {1, 3, 6}, 0);
  packed("packed rows that descend", {0, 7, 6}, 2);
  packed("packed rows that end early", {0, 3, 5}, 2);
}

// Found by the tests of hostile arguments: memory was asked for by the number of sequences, also where it
// says nothing of the batch's size.
void sequences_without_tokens(Calls* calls) {
  const auto without_tokens = [](Case& c, int64_t sequences) {
    c.batch.sequences = sequences;
    c.batch.tokens = c.batch.rows = 0;
    c.options.objective = LPREG_GSPO;
    c.options.aggregation = LPREG_SEQ_MEAN_TOKEN_MEAN;
  };
  Case call;
  without_tokens(call, INT32_MAX);
  CHECK(calls->run(&call).status == LPREG_OK);
  CHECK(call.result.loss == 0);
  for (const int64_t sequences : {int64_t{1} << 31, int64_t{1} << 60, INT64_MAX}) {
    calls->refuses("more sequences without tokens than 31 bits",
                   [&](Case& c) { without_tokens(c, sequences); }, {LPREG_ERR_SHAPE, "sequences", -1});
  }
}

void matrices(Calls* calls) {
  const auto logits = [&](const char* name, const std::function<void(lpreg_matrix&)>& spoil,
                          lpreg_status status) {
    calls->refuses(name, [&](Case& c) { spoil(c.batch.logits); }, {status, "logits", -1});
    calls->refuses(name, [&](Case& c) { spoil(c.gradient_matrix); }, {status, "gradient", -1});
  };
  logits(
      "no matrix", [](lpreg_matrix& m) { m.data = nullptr; }, LPREG_ERR_MISSING);
  logits(
      "a dtype that does not exist", [](lpreg_matrix& m) { m.dtype = 3; }, LPREG_ERR_DTYPE);
  logits(
      "a negative dtype", [](lpreg_matrix& m) { m.dtype = -1; }, LPREG_ERR_DTYPE);
  logits(
      "rows that overlap", [](lpreg_matrix& m) { m.row_stride = kVocab - 1; }, LPREG_ERR_STRIDE);
  logits(
      "rows in reverse", [](lpreg_matrix& m) { m.row_stride = -kVocab; }, LPREG_ERR_STRIDE);
  logits(
      "rows beyond 64 bits", [](lpreg_matrix& m) { m.row_stride = INT64_MAX / 3; }, LPREG_ERR_STRIDE);
  logits(
      "sequences that overlap", [](lpreg_matrix& m) { m.sequence_stride = 3 * kVocab - 1; },
      LPREG_ERR_STRIDE);
  logits(
      "sequences beyond 64 bits", [](lpreg_matrix& m) { m.sequence_stride = INT64_MAX; }, LPREG_ERR_STRIDE);
  logits(
      "a base between elements", [](lpreg_matrix& m) { m.data = static_cast<char*>(m.data) + 1; },
      LPREG_ERR_STRIDE);
}

void aliases(Calls* calls) {
  const auto alias = [&](const char* name, const char* argument, const std::function<void(Case&)>& spoil) {
    calls->refuses(name, spoil, {LPREG_ERR_ALIAS, argument, -1});
  };
  alias("a gradient one element into the logits", "gradient", [](Case& c) {
    c.logits.resize(c.logits.size() + 1);
    c.batch.logits.data = c.logits.data();
    c.gradient_matrix.data = c.logits.data() + 1;
  });
  alias("a gradient over the logits with other strides", "gradient", [](Case& c) {
    c.logits.resize(2 * c.logits.size());
    c.batch.logits.data = c.gradient_matrix.data = c.logits.data();
    c.gradient_matrix.row_stride = kVocab + 1;
  });
  alias("a gradient over the old logits", "gradient", [](Case& c) {
    c.use_paper();
    c.options.row.proxy = LPREG_PROXY_OLD;
    c.batch.old_logits = {c.old_logits.data(), LPREG_FLOAT32, kVocab, 0};
    c.gradient_matrix.data = c.old_logits.data();
  });
  alias("a gradient over an input per row", "gradient",
        [](Case& c) { c.batch.advantages = c.gradient.data() + kRows * kVocab - kRows; });
  alias("an output over an input", "log_prob", [](Case& c) { c.outputs.log_prob = c.old_log_probs.data(); });
  alias("an output over the logits", "entropy", [](Case& c) { c.outputs.entropy = c.logits.data() + 3; });
  alias("an output over the gradient", "entropy", [](Case& c) { c.outputs.entropy = c.gradient.data(); });
  alias("two outputs in one array", "log_prob", [](Case& c) { c.outputs.entropy = c.log_prob.data() + 1; });
}

}  // namespace

int main() {
  Calls calls;
  shapes(&calls);
  sequences_without_tokens(&calls);
  matrices(&calls);
  aliases(&calls);
  return finish();
}
