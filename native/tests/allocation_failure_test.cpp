// Every allocation that the library makes fails once: a typed error, nothing leaked, and the next call works.
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "faults/failing_allocator.h"
#include "faults/watched_api.h"
#include "golden/evaluation.h"
#include "golden/random_case.h"

namespace {

using namespace lpreg::golden;
using lpreg::test::AllocationFault;
using lpreg::test::Watch;

long injected = 0;
long observed = 0;

// Lets one allocation fail among all those of the calls it watches, wherever it falls.
class FaultInCalls : public Watch {
 public:
  explicit FaultInCalls(long n) : remaining_(n) { lpreg::test::watch = this; }
  ~FaultInCalls() override { lpreg::test::watch = nullptr; }

  bool struck() const { return struck_; }

  void before_call() override { fault_ = std::make_unique<AllocationFault>(struck_ ? -1 : remaining_); }

  void after_call(lpreg_status status) override {
    const bool struck_now = fault_->struck();
    remaining_ -= fault_->allocations();
    fault_.reset();
    if (!struck_now) return;
    struck_ = true;
    ++injected;
    observed += status == LPREG_ERR_OUT_OF_MEMORY;
    CHECK(status == LPREG_ERR_OUT_OF_MEMORY);
  }

 private:
  long remaining_;
  bool struck_ = false;
  std::unique_ptr<AllocationFault> fault_;
};

bool equal(const Results& a, const Results& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.bytes != tensor.bytes) return false;
  }
  return true;
}

// Calls `run` with its first allocation failing, then its second, until it makes no more of them.
template <class Run>
void fail_each(const Run& run) {
  bool struck = true;
  for (long n = 0; struck; ++n) {
    const long live = lpreg::test::live_allocations();
    {
      FaultInCalls fault(n);
      run();
      struck = fault.struck();
    }
    CHECK(lpreg::test::live_allocations() == live);
  }
}

void test_loss(const lpreg_api& api, lpreg_context* context, const BatchCase& batch, Path path) {
  const auto run = [&] {
    const auto memory = host_memory();
    return evaluate(api, context, batch, path, memory.get());
  };
  const Results expected = run();
  fail_each([&] {
    try {
      CHECK(equal(run(), expected));
    } catch (const std::runtime_error&) {
      // The watch has seen the status; the same call must work now.
      lpreg::test::Watch* const watch = lpreg::test::watch;
      lpreg::test::watch = nullptr;
      CHECK(equal(run(), expected));
      lpreg::test::watch = watch;
    }
  });
}

void test_random_losses(const lpreg_api& api) {
  lpreg_context* const context = create_context(api, LPREG_BACKEND_CPU);
  CHECK(api.context_set_threads(context, 3, nullptr) == LPREG_OK);
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const BatchCase batch = random_case(seed);
    test_loss(api, context, batch, static_cast<Path>(seed % 3));
  }
  api.context_destroy(context);
}

void test_context(const lpreg_api& api) {
  fail_each([&] {
    lpreg_context_options options{};
    options.struct_size = sizeof options;
    options.threads = 3;
    lpreg_context* context = nullptr;
    const lpreg_status status = api.context_create(&options, &context, nullptr);
    CHECK((status == LPREG_OK) == (context != nullptr));
    api.context_destroy(context);
  });
}

void test_more_threads(const lpreg_api& api) {
  fail_each([&] {
    lpreg_context* const context = create_context(*lpreg_get_api(LPREG_ABI_VERSION), LPREG_BACKEND_CPU);
    api.context_set_threads(context, 5, nullptr);
    api.context_destroy(context);
  });
}

struct SmallBatch {
  std::vector<float> logits = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  std::vector<int32_t> actions = {0, 3, 1};
  lpreg_batch batch{};
  lpreg_row_options options{};

  SmallBatch() {
    batch.struct_size = sizeof batch;
    batch.sequences = 1;
    batch.tokens = batch.rows = 3;
    batch.vocab = 4;
    batch.logits = {logits.data(), LPREG_FLOAT32, 4, 0};
    batch.actions = actions.data();
    options.temperature = 1;
    options.proxy = LPREG_PROXY_CURRENT;
    options.filter_kind = LPREG_FILTER_MIN_P;
    options.filter_value = 0.1;
  }
};

void test_snapshot(const lpreg_api& api) {
  lpreg_context* const context = create_context(api, LPREG_BACKEND_CPU);
  const SmallBatch small;
  lpreg_row_state states[3];
  int64_t row_ptr[4];
  int32_t ids[12];
  float log_q[12], log_kept_mass[3];
  uint8_t uniform[3];
  lpreg_snapshot snapshot{sizeof snapshot, 3, 12, row_ptr, ids, log_q, log_kept_mass, uniform};
  fail_each([&] {
    int64_t entries = 0;
    api.snapshot_size(context, &small.options, &small.batch, states, &entries, nullptr, nullptr);
    api.snapshot_write(context, &small.options, &small.batch, states, &snapshot, nullptr, nullptr);
  });
  CHECK(row_ptr[3] > 0);
  api.context_destroy(context);
}

void test_token_stats(const lpreg_api& api) {
  lpreg_context* const context = create_context(api, LPREG_BACKEND_CPU);
  const SmallBatch small;
  lpreg_row_state states[3];
  float ones[3] = {1, 1, 1}, out[12];
  const lpreg_matrix gradient{out, LPREG_FLOAT32, 4, 0};
  fail_each([&] {
    lpreg_token_outputs outputs{};
    outputs.struct_size = sizeof outputs;
    api.token_stats(context, &small.options, &small.batch, LPREG_NON_FINITE_ERROR, states, nullptr, &outputs,
                    nullptr, nullptr);
    api.token_stats_backward(context, &small.options, &small.batch, states, nullptr, ones, ones, ones,
                             &gradient, nullptr, nullptr);
  });
  api.context_destroy(context);
}

}  // namespace

int main() {
  const lpreg_api api = lpreg::test::watched_api();
  test_context(api);
  test_more_threads(api);
  test_token_stats(api);
  test_snapshot(api);
  test_random_losses(api);
  std::printf("%ld allocations failed, %ld reported as such\n", injected, observed);
  CHECK(injected == observed);
  CHECK(injected > 50);
  return lpreg::test::finish();
}
