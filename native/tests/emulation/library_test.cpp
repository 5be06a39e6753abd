// library_test PATH: the shared library of the emulated back end, as a foreign program finds it: opened at
// run time, called through its one symbol, by several threads with a context each and by several threads on
// one context.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "../check.h"
#include "include/lpreg.h"

namespace {

constexpr int kRows = 4, kVocab = 203, kThreads = 4;
constexpr lpreg_scalar kAbsent{LPREG_ABSENT, 0, nullptr};

lpreg_context* create(const lpreg_api& api, int32_t backend) {
  const lpreg_context_options options{sizeof options, backend, 1, 0, 0};
  lpreg_context* context = nullptr;
  lpreg_error error{};
  error.struct_size = sizeof error;
  api.context_create(&options, &context, &error);
  return context;
}

lpreg_loss_options token_ppo() {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = LPREG_GRPO;
  options.row.temperature = 1;
  options.clip_low = options.clip_high = 0.2;
  return options;
}

struct Step {
  std::vector<float> logits, gradient, old_log_probs, advantages;
  std::vector<int32_t> actions;
  std::vector<double> workspace;
  lpreg_loss_result result{};
  bool ok = false;

  Step()
      : logits(kRows * kVocab),
        gradient(logits.size()),
        old_log_probs(kRows, -3),
        advantages(kRows, 1),
        actions(kRows, 5) {
    result.struct_size = sizeof result;
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 23) / 4;
  }

  void run(const lpreg_api& api, lpreg_context* context) {
    const lpreg_loss_options options = token_ppo();
    lpreg_batch batch{};
    batch.struct_size = sizeof batch;
    batch.sequences = 1;
    batch.tokens = batch.rows = kRows;
    batch.vocab = kVocab;
    batch.logits = {logits.data(), LPREG_FLOAT32, kVocab, 0};
    batch.actions = actions.data();
    batch.old_log_probs = old_log_probs.data();
    batch.advantages = advantages.data();
    size_t bytes = 0;
    api.loss_workspace_size(context, &options, &batch, &bytes, nullptr);
    workspace.resize(bytes / sizeof(double) + 3);
    void* aligned = workspace.data() + (reinterpret_cast<uintptr_t>(workspace.data()) % 16 == 0 ? 0 : 1);
    const lpreg_matrix out{gradient.data(), LPREG_FLOAT32, kVocab, 0};
    ok = api.loss_forward_backward(context, &options, &batch, aligned, bytes, kAbsent, &out, nullptr, &result,
                                   nullptr, nullptr) == LPREG_OK &&
         api.context_synchronize(context, nullptr, nullptr) == LPREG_OK;
  }
};

bool same(const Step& a, const Step& b) {
  return a.ok && b.ok && a.result.loss == b.result.loss && a.gradient == b.gradient;
}

// `context_of(i)` is the context of thread i.
template <class ContextOf>
void check_threads(const lpreg_api& api, const Step& expected, const ContextOf& context_of) {
  std::atomic<int> equal{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < 3; ++call) {
        Step step;
        step.run(api, context_of(i));
        equal += same(step, expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(equal == 3 * kThreads);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  const auto get_api = reinterpret_cast<decltype(&lpreg_get_api)>(dlsym(library, "lpreg_get_api"));
  CHECK(get_api != nullptr);
  CHECK(dlsym(library, "lpreg_emulation_switch") == nullptr);
  const lpreg_api& api = *get_api(LPREG_ABI_VERSION);
  lpreg_context* device = create(api, LPREG_BACKEND_CUDA);
  lpreg_context* cpu = create(api, LPREG_BACKEND_CPU);
  CHECK(device != nullptr && cpu != nullptr);

  Step on_device, on_cpu;
  on_device.run(api, device);
  on_cpu.run(api, cpu);
  CHECK(on_device.ok && on_cpu.ok);
  CHECK_NEAR(on_device.result.loss, on_cpu.result.loss, 2e-6);

  check_threads(api, on_device, [&](int) { return device; });
  std::vector<lpreg_context*> contexts;
  for (int i = 0; i < kThreads; ++i) contexts.push_back(create(api, LPREG_BACKEND_CUDA));
  check_threads(api, on_device, [&](int i) { return contexts[static_cast<size_t>(i)]; });
  for (lpreg_context* context : contexts) api.context_destroy(context);
  api.context_destroy(device);
  api.context_destroy(cpu);
  dlclose(library);
  return lpreg::test::finish();
}
