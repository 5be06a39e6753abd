// Every call that the library makes to the device's runtime fails once, in every kind of operation: a typed
// error, nothing leaked, and the next call works. After an error that takes the device along, every later
// call says so, and what the library held is given back.
#include <cstdio>
#include <cstring>
#include <functional>
#include <set>
#include <stdexcept>
#include <vector>

#include "../check.h"
#include "../faults/watched_api.h"
#include "../golden/evaluation.h"
#include "../golden/random_case.h"
#include "back_end.h"
#include "device_array.h"
#include "emulation/config.h"
#include "emulation/faults.h"
#include "emulation/launch.h"
#include "small_loss.h"

namespace {

using namespace lpreg;
using namespace lpreg::golden;
using test::DeviceArray;

constexpr int kInvalidValue = 1, kOutOfMemory = 2, kIllegalAddress = 700;

const lpreg_api api = test::watched_api();
long injected = 0, observed = 0, in_cleanup = 0;
lpreg_error error{};
bool lost_in_time = false;  // before an operation gave its own memory back

void note_loss() { lost_in_time = emulation::lost_device() != 0; }

lpreg_status expected_status(int code) {
  return code == kOutOfMemory ? LPREG_ERR_OUT_OF_MEMORY : LPREG_ERR_DEVICE;
}

bool says_lost() { return std::strstr(error.message, "the device is lost to this process") != nullptr; }

// Calls whose failure has nobody to be told to, where the library gives its own memory back.
bool is_cleanup(const std::string& call) {
  return call == "release_pinned" || call == "release" || call == "destroy_stream";
}

// Lets one runtime call fail among those of the C ABI's calls, wherever it falls.
class FaultInCalls : public test::Watch {
 public:
  FaultInCalls(std::string call, int nth, int code) : call_(std::move(call)), remaining_(nth), code_(code) {
    test::watch = this;
  }
  ~FaultInCalls() override {
    test::watch = nullptr;
    emulation::fail_at("", 0, 0);
  }

  bool struck() const { return !struck_.empty(); }

  void before_call() override {
    emulation::fail_at(struck() ? "" : call_, remaining_, code_);
    calls_before_ = emulation::runtime_calls();
  }

  void after_call(lpreg_status status) override {
    if (struck()) return;
    remaining_ -= static_cast<int>(emulation::runtime_calls() - calls_before_);
    struck_ = emulation::struck_call();
    emulation::fail_at("", 0, 0);
    if (!struck()) return;
    if (status == LPREG_OK && is_cleanup(struck_)) {
      ++in_cleanup;
      return;
    }
    ++injected;
    observed += status == expected_status(code_);
    if (!CHECK(status == expected_status(code_))) {
      std::printf("  %s failed with %d; status %d\n", struck_.c_str(), code_, status);
    }
  }

 private:
  const std::string call_;
  int remaining_;
  const int code_;
  std::string struck_;
  uint64_t calls_before_ = 0;
};

// Runs `operation` with its first runtime call failing, then its second, until it makes no more of them. It
// returns whether all of its calls succeeded, with the right results; after a failure it must do so again.
void fail_each_call(const std::function<bool()>& operation) {
  CHECK(operation());
  for (const int code : {kInvalidValue, kOutOfMemory}) {
    bool struck = true;
    for (int nth = 1; struck; ++nth) {
      const emulation::Held held = emulation::held_resources();
      {
        FaultInCalls fault("any", nth, code);
        operation();
        struck = fault.struck();
      }
      if (struck) CHECK(operation());
      CHECK(emulation::held_resources() == held);
    }
  }
}

// The same with errors after which the device is lost: told by the call, or by a later one where a kernel met
// it.
void lose_device_at_each_call(const std::function<bool()>& operation) {
  for (const char* call : {"any", "kernel"}) {
    bool struck = true;
    for (int nth = 1; struck; ++nth) {
      const emulation::Held held = emulation::held_resources();
      emulation::fail_at(call, nth, kIllegalAddress);
      CHECK(operation() != lost_in_time);
      struck = emulation::lost_device() != 0;
      if (struck) {
        ++injected;
        lpreg_context* context = nullptr;
        const lpreg_context_options options{sizeof options, LPREG_BACKEND_CUDA, 1, 0, 0};
        const bool told = api.context_create(&options, &context, &error) == LPREG_ERR_DEVICE && says_lost();
        observed += told;
        CHECK(told && context == nullptr);
      }
      emulation::fail_at("", 0, 0);
      emulation::clear_failure();
      CHECK(emulation::held_resources() == held);
    }
  }
}

bool equal(const Results& a, const Results& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.bytes != tensor.bytes) return false;
  }
  return true;
}

struct Placement {
  bool on_device;
  int64_t staging_bytes;
};

// A whole loss, context and all, the same results each time; a failed one is followed by another on the same
// context.
std::function<bool()> loss(uint64_t seed, Path path, Placement placement) {
  const BatchCase batch = random_case(seed);
  auto first = std::make_shared<Results>();
  return [=] {
    lpreg_call call{};
    call.struct_size = sizeof call;
    call.host_memory = placement.on_device ? 0 : 1;
    lpreg_context* context = nullptr;
    bool right = true;
    try {
      context = create_context(api, LPREG_BACKEND_CUDA, placement.staging_bytes);
      const auto run = [&] {
        const auto memory = placement.on_device ? device_memory() : host_memory();
        const Results results = evaluate(api, context, batch, path, memory.get(), &call);
        note_loss();
        return results;
      };
      try {
        const Results results = run();
        if (first->empty()) *first = results;
        right = equal(results, *first);
      } catch (const std::runtime_error&) {
        right = false;
        note_loss();
        if (!lost_in_time) CHECK(equal(run(), *first));
      }
    } catch (const std::runtime_error&) {
      right = false;
      note_loss();
    }
    api.context_destroy(context);
    return right;
  };
}

// Of a batch that three shards of its vocabulary can share.
uint64_t first_seed_with(int32_t proxy) {
  uint64_t seed = 0;
  for (;; ++seed) {
    const BatchCase batch = random_case(seed);
    if (batch.options.row.proxy == proxy && batch.vocab > 30 && batch.vocab < 300) return seed;
  }
}

// Three rows of four tokens through the per-token operation and a snapshot.
bool row_operations() {
  const std::vector<float> logits = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  lpreg_context* context = nullptr;
  const lpreg_context_options on{sizeof on, LPREG_BACKEND_CUDA, 1, 0, 0};
  const bool created = api.context_create(&on, &context, &error) == LPREG_OK;
  note_loss();
  if (!created) return false;
  bool done = false;
  try {
    const DeviceArray<float> device_logits(logits), ones(std::vector<float>(3, 1)), out(12), log_q(12),
        mass(3);
    const DeviceArray<int32_t> actions(std::vector<int32_t>{0, 3, 1}), ids(12);
    const DeviceArray<lpreg_row_state> states(3);
    const DeviceArray<int64_t> row_ptr(4), entries(1);
    const DeviceArray<uint8_t> uniform(3);
    lpreg_batch batch{};
    batch.struct_size = sizeof batch;
    batch.sequences = 1;
    batch.tokens = batch.rows = 3;
    batch.vocab = 4;
    batch.logits = {device_logits.data(), LPREG_FLOAT32, 4, 0};
    batch.actions = actions.data();
    lpreg_row_options options{};
    options.temperature = 1;
    options.proxy = LPREG_PROXY_CURRENT;
    options.filter_kind = LPREG_FILTER_MIN_P;
    options.filter_value = 0.1;
    lpreg_token_outputs outputs{};
    outputs.struct_size = sizeof outputs;
    const lpreg_matrix gradient{out.data(), LPREG_FLOAT32, 4, 0};
    lpreg_snapshot snapshot{sizeof snapshot, 3, 12, row_ptr.data(), ids.data(), log_q.data(), mass.data(),
                            uniform.data()};
    done = api.token_stats(context, &options, &batch, LPREG_NON_FINITE_ERROR, states.data(), nullptr,
                           &outputs, nullptr, &error) == LPREG_OK &&
           api.token_stats_backward(context, &options, &batch, states.data(), nullptr, ones.data(),
                                    ones.data(), ones.data(), &gradient, nullptr, &error) == LPREG_OK &&
           api.snapshot_size(context, &options, &batch, states.data(), entries.data(), nullptr, &error) ==
               LPREG_OK &&
           api.snapshot_write(context, &options, &batch, states.data(), &snapshot, nullptr, &error) ==
               LPREG_OK &&
           api.context_synchronize(context, nullptr, &error) == LPREG_OK && row_ptr.read(3, 1)[0] == 9;
    note_loss();
  } catch (const std::bad_alloc&) {  // the test's own memory, on a device that is lost
    note_loss();
  }
  api.context_destroy(context);
  return done;
}

// Memory and streams of the C ABI; what could be had is given back, whatever comes of it.
bool runtime_functions() {
  lpreg_device_info info{};
  info.struct_size = sizeof info;
  void* memory = nullptr;
  void* stream = nullptr;
  std::vector<char> sent(100, 7), received(100);
  int32_t device = -1;
  bool done = api.device_info(0, &info, &error) == LPREG_OK;
  done &= api.stream_create(0, &stream, &error) == LPREG_OK;
  done &= api.device_allocate(0, 100, &memory, &error) == LPREG_OK;
  if (memory != nullptr) {
    done &= api.device_of_pointer(memory, &device, &error) == LPREG_OK && device == 0;
    done &= api.device_upload(0, memory, sent.data(), 100, stream, 1, &error) == LPREG_OK;
    done &= api.device_clear(0, memory, 50, stream, &error) == LPREG_OK;
    done &= api.device_download(0, received.data(), memory, 100, stream, 1, &error) == LPREG_OK;
    done &= api.device_synchronize(0, stream, &error) == LPREG_OK;
  }
  // What a failed call has not given back is still the caller's.
  if (api.device_release(0, memory, &error) != LPREG_OK) {
    done = false;
    cuda::release(memory);
  }
  if (api.stream_destroy(0, stream, &error) != LPREG_OK) {
    done = false;
    cuda::destroy_stream(stream);
  }
  note_loss();
  return done && received[0] == 0 && received[99] == 7;
}

void test_an_error_of_a_kernel_is_told_with_its_cause_by_every_later_call() {
  test::BackEnd on(LPREG_BACKEND_CUDA);
  const test::SmallLoss small;
  const lpreg_batch batch = small.batch(&on);
  auto* states = on.reserve<lpreg_row_state>(static_cast<size_t>(batch.rows));
  const lpreg_row_options options = test::loss_options(LPREG_GRPO).row;
  emulation::fail_at("kernel", 2, kIllegalAddress);
  const auto start = [&] {
    return on.api.token_stats(on.context, &options, &batch, LPREG_NON_FINITE_ERROR, states, nullptr, nullptr,
                              nullptr, &error);
  };
  CHECK(start() == LPREG_OK);  // nothing waits for the kernel
  for (int i = 0; i < 2; ++i) {
    CHECK(on.api.context_synchronize(on.context, nullptr, &error) == LPREG_ERR_DEVICE && says_lost());
    CHECK(std::strstr(error.message, "illegal memory access") != nullptr);
    CHECK(start() == LPREG_ERR_DEVICE && says_lost());
  }
  emulation::fail_at("", 0, 0);
  emulation::clear_failure();
}

}  // namespace

int main() {
  error.struct_size = sizeof error;
  CHECK(emulation::configure("strict=1,lazy=1"));
  std::vector<std::function<bool()>> operations = {row_operations, runtime_functions};
  const Path paths[] = {Path::kForwardBackward, Path::kInPlace, Path::kTwoCalls};
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const Path path = paths[seed % 3];
    const int64_t row = 3 * (random_case(seed).vocab * 4 + 16);
    operations.push_back(loss(seed, path, {true, 0}));
    operations.push_back(loss(seed, path, {false, 3 * row}));
  }
  for (const int32_t proxy : {LPREG_PROXY_NONE, LPREG_PROXY_CURRENT}) {
    operations.push_back(loss(first_seed_with(proxy), Path::kShards, {true, 0}));
  }
  for (const auto& operation : operations) {
    fail_each_call(operation);
    lose_device_at_each_call(operation);
  }
  test_an_error_of_a_kernel_is_told_with_its_cause_by_every_later_call();
  std::printf("%ld failures of the runtime, %ld told as such; %ld while giving memory back\n", injected,
              observed, in_cleanup);
  CHECK(injected == observed);
  CHECK(injected > 50);
  return test::finish();
}
