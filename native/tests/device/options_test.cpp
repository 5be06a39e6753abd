// Every option and input of the whole loss on the emulated device, against the CPU: scalars in device memory,
// given counts, layouts, id dtypes, proxies; batches without rows and without a valid one.
#include <functional>

#include "core/half.h"
#include "small_loss.h"

using namespace lpreg::test;

namespace {

constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

// A scalar where the back end's caller would hold it.
lpreg_scalar scalar(BackEnd* on, double value) {
  if (on->on_device()) return {LPREG_DEVICE, 0, on->put(std::vector<double>{value})};
  return {LPREG_HOST, value, nullptr};
}

struct Evaluation {
  lpreg_loss_options options;
  lpreg_batch batch;
  lpreg_scalar grad_output = kAbsent;
  lpreg_snapshot snapshot{};
};

// `change` alters a plain evaluation of the objective. Returns the device's outcome.
LossOutcome check_same(int32_t objective, const std::function<void(BackEnd*, Evaluation*)>& change) {
  const SmallLoss data;
  const auto run = [&](lpreg_backend backend) {
    BackEnd on(backend);
    Evaluation evaluation{loss_options(objective), data.batch(&on), kAbsent, {}};
    change(&on, &evaluation);
    return evaluate(&on, evaluation.options, evaluation.batch, evaluation.grad_output);
  };
  const LossOutcome want = run(LPREG_BACKEND_CPU);
  LossOutcome got = run(LPREG_BACKEND_CUDA);
  check_outcome(got, want);
  return got;
}

void test_every_objective() {
  for (int32_t objective = LPREG_GRPO; objective <= LPREG_SAPO; ++objective) {
    const LossOutcome outcome = check_same(objective, [](BackEnd*, Evaluation*) {});
    CHECK(std::isfinite(outcome.result.loss) && outcome.result.valid_count > 0);
  }
}

void test_batches_without_rows() {
  for (int32_t objective = LPREG_GRPO; objective <= LPREG_SAPO; ++objective) {
    for (const int64_t sequences : {0, 2}) {
      const LossOutcome outcome = check_same(objective, [&](BackEnd*, Evaluation* e) {
        e->batch.sequences = sequences;
        e->batch.tokens = e->batch.rows = 0;
      });
      CHECK(outcome.result.loss == 0 && outcome.result.valid_count == 0);
    }
  }
}

void test_batches_without_a_valid_row() {
  for (int32_t objective = LPREG_GRPO; objective <= LPREG_SAPO; ++objective) {
    const LossOutcome outcome = check_same(objective, [](BackEnd* on, Evaluation* e) {
      e->batch.mask = on->put(std::vector<uint8_t>(SmallLoss::kRows, 0));
    });
    CHECK(outcome.result.loss == 0);
    for (const float g : outcome.gradient) CHECK(g == 0);
  }
}

void test_scalars_in_device_memory() {
  check_same(LPREG_GRPO, [](BackEnd* on, Evaluation* e) {
    e->grad_output = scalar(on, -2.5);
    e->batch.token_count = scalar(on, 21);
  });
  check_same(LPREG_LP_REG_PAPER, [](BackEnd* on, Evaluation* e) {
    e->batch.prob_threshold = scalar(on, 0.2);
    e->options.aggregation = LPREG_SEQ_MEAN_TOKEN_SUM;
    e->batch.sequence_count = scalar(on, 7);
  });
  check_same(LPREG_CISPO, [](BackEnd* on, Evaluation* e) {
    e->options.aggregation = LPREG_SEQ_MEAN_TOKEN_SUM_NORM;
    e->batch.max_length = scalar(on, 9);
  });
}

void test_given_sequence_lengths() {
  for (const int32_t objective : {LPREG_SAPO, LPREG_GSPO}) {
    check_same(objective, [](BackEnd* on, Evaluation* e) {
      e->options.aggregation = LPREG_SEQ_MEAN_TOKEN_MEAN;
      e->batch.sequence_lengths = on->put(std::vector<double>{5, 9, 4});
    });
  }
}

void test_clip_cov_with_given_and_drawn_candidates() {
  check_same(LPREG_CLIP_COV, [](BackEnd* on, Evaluation* e) {
    e->batch.chosen = on->put(std::vector<uint8_t>{1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0});
    e->options.seed = 0;
  });
  std::vector<std::vector<uint8_t>> drawn;
  for (uint64_t seed = 1; seed < 6; ++seed) {
    drawn.push_back(
        check_same(LPREG_CLIP_COV, [&](BackEnd*, Evaluation* e) { e->options.seed = seed; }).selected);
  }
  CHECK(drawn[0] != drawn[1] || drawn[1] != drawn[2]);
}

void test_packed_rows_with_empty_sequences() {
  for (const int32_t objective : {LPREG_GRPO, LPREG_GSPO, LPREG_LP_REG_REFERENCE}) {
    check_same(objective, [&](BackEnd* on, Evaluation* e) {
      e->batch.cu_seq_lens = on->put(std::vector<int64_t>{0, 0, 5, 5, 12, 12});
      e->batch.sequences = 5;
      e->batch.advantages = on->put(std::vector<float>{9, 1.5f, 9, -0.5f, 9});
      e->batch.advantages_per_sequence = 1;
      if (objective == LPREG_GRPO) e->options.aggregation = LPREG_SEQ_MEAN_TOKEN_SUM_NORM;
    });
  }
}

void test_slices_of_a_longer_tensor_and_16_bits() {
  for (const int32_t dtype : {LPREG_FLOAT32, LPREG_FLOAT16, LPREG_BFLOAT16}) {
    check_same(LPREG_LP_REG_PAPER, [&](BackEnd* on, Evaluation* e) {
      constexpr int64_t kStride = 141, kSequenceStride = 5 * kStride;  // [3, 5, 141] for [3, 4, 133]
      const SmallLoss data;
      std::vector<float> wide(3 * kSequenceStride, NAN);
      for (int64_t row = 0; row < SmallLoss::kRows; ++row) {
        for (int64_t v = 0; v < SmallLoss::kVocab; ++v) {
          wide[static_cast<size_t>(row / 4 * kSequenceStride + row % 4 * kStride + v)] =
              data.logits[static_cast<size_t>(row * SmallLoss::kVocab + v)];
        }
      }
      std::vector<uint16_t> narrow;
      for (const float z : wide) {
        narrow.push_back(dtype == LPREG_FLOAT16 ? lpreg::core::float_to_float16(z)
                                                : lpreg::core::float_to_bfloat16(z));
      }
      void* memory =
          dtype == LPREG_FLOAT32 ? static_cast<void*>(on->put(wide)) : static_cast<void*>(on->put(narrow));
      e->batch.logits = {memory, dtype, kStride, kSequenceStride};
    });
  }
}

void test_proxies_of_another_policy() {
  const SmallLoss data;
  std::vector<float> old = data.logits;
  for (size_t i = 0; i < old.size(); ++i) old[i] += SmallLoss::wave(static_cast<int64_t>(i), 3, 1);
  for (const double softcap : {0.0, 15.0}) {
    check_same(LPREG_LP_REG_PAPER, [&](BackEnd* on, Evaluation* e) {
      e->options.row.proxy = LPREG_PROXY_OLD;
      e->options.row.softcap = softcap;
      e->batch.old_logits = {on->put(old), LPREG_FLOAT32, SmallLoss::kVocab, 0};
    });
    check_same(LPREG_LP_REG_PAPER, [&](BackEnd* on, Evaluation* e) {
      lpreg_batch source = e->batch;
      lpreg_row_options filter = e->options.row;
      filter.softcap = softcap;
      source.logits.data = on->put(old);
      source.actions = nullptr;
      const size_t entries = old.size();
      e->snapshot = {sizeof e->snapshot,
                     source.rows,
                     static_cast<int64_t>(entries),
                     on->reserve<int64_t>(SmallLoss::kRows + 1),
                     on->reserve<int32_t>(entries),
                     on->reserve<float>(entries),
                     on->reserve<float>(SmallLoss::kRows),
                     on->reserve<uint8_t>(SmallLoss::kRows)};
      on->started(on->api.snapshot_write(on->context, &filter, &source,
                                         on->reserve<lpreg_row_state>(SmallLoss::kRows), &e->snapshot,
                                         nullptr, &on->error));
      e->options.row = {};
      e->options.row.temperature = filter.temperature;
      e->options.row.softcap = softcap;
      e->options.row.proxy = LPREG_PROXY_SNAPSHOT;
      e->batch.proxy_snapshot = &e->snapshot;
    });
  }
  check_same(LPREG_LP_REG_KEPT, [&](BackEnd* on, Evaluation* e) {
    e->options.row = {};
    e->options.row.temperature = 0.9;
    e->options.row.proxy = LPREG_PROXY_STORED;
    std::vector<float> stored(SmallLoss::kRows, -0.5f);
    stored[3] = -HUGE_VALF;
    e->batch.proxy_log_probs = on->put(stored);
  });
}

void test_weights_and_terms() {
  check_same(LPREG_GRPO, [](BackEnd* on, Evaluation* e) {
    e->options.entropy_coef = 0.01;
    e->options.reference_coef = 0.2;
    e->options.reference_estimator = LPREG_K3;
    e->options.dual_clip = 3;
    e->options.ratio_cap = 2;
    e->options.check_first = 1;
    e->batch.ref_log_probs = on->put(std::vector<float>(SmallLoss::kRows, -2));
    e->batch.rollout_weights = on->put(std::vector<float>(SmallLoss::kRows, 0.7f));
  });
}

}  // namespace

int main(int argc, char** argv) {
  under_each_schedule(argc, argv, {"guard=1,strict=1,lazy=1", "guard=1,strict=1,device=t4,threads=64"}, [] {
    test_every_objective();
    test_batches_without_rows();
    test_batches_without_a_valid_row();
    test_scalars_in_device_memory();
    test_given_sequence_lengths();
    test_clip_cov_with_given_and_drawn_candidates();
    test_packed_rows_with_empty_sequences();
    test_slices_of_a_longer_tensor_and_16_bits();
    test_proxies_of_another_policy();
    test_weights_and_terms();
  });
  return finish();
}
