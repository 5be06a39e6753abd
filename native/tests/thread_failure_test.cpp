// Every thread that the library starts fails to start once: a typed error, and a context that still works.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <string>

#include "check.h"
#include "include/lpreg.h"

namespace {

std::atomic<int> threads_allowed{-1};  // negative: any number

}  // namespace

// Stands before the C library's own, for every library of the process.
extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread,
                                                                     const pthread_attr_t* attributes,
                                                                     void* (*start)(void*),
                                                                     void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_allowed.load() == 0) return EAGAIN;
  if (threads_allowed.load() > 0) threads_allowed.fetch_sub(1);
  return real(thread, attributes, start, argument);
}

namespace {

constexpr int kThreads = 6;

const lpreg_api& api() { return *lpreg_get_api(LPREG_ABI_VERSION); }

int threads_of(lpreg_context* context) {
  lpreg_context_info info{};
  info.struct_size = sizeof info;
  CHECK(api().context_info(context, &info, nullptr) == LPREG_OK);
  return info.threads;
}

bool computes(lpreg_context* context) {
  float logits[64 * 2], log_probs[64];
  int32_t actions[64];
  for (int i = 0; i < 64; ++i) {
    logits[2 * i] = logits[2 * i + 1] = static_cast<float>(i);
    actions[i] = i % 2;
  }
  lpreg_batch batch{};
  batch.struct_size = sizeof batch;
  batch.sequences = 1;
  batch.tokens = batch.rows = 64;
  batch.vocab = 2;
  batch.logits = {logits, LPREG_FLOAT32, 2, 0};
  batch.actions = actions;
  lpreg_row_options options{};
  options.temperature = 1;
  lpreg_token_outputs outputs{};
  outputs.struct_size = sizeof outputs;
  outputs.log_prob = log_probs;
  lpreg_row_state states[64];
  const lpreg_status status = api().token_stats(context, &options, &batch, LPREG_NON_FINITE_ERROR, states,
                                                nullptr, &outputs, nullptr, nullptr);
  bool right = status == LPREG_OK;
  for (const float log_prob : log_probs) right = right && std::fabs(log_prob + std::log(2.0)) < 1e-6;
  return right;
}

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  return error;
}

lpreg_status create(int threads, lpreg_context** context, lpreg_error* error) {
  lpreg_context_options options{};
  options.struct_size = sizeof options;
  options.threads = threads;
  return api().context_create(&options, context, error);
}

void test_create() {
  for (int allowed = 0; allowed < kThreads - 1; ++allowed) {
    lpreg_context* context = nullptr;
    lpreg_error error = empty_error();
    threads_allowed = allowed;
    const lpreg_status status = create(kThreads, &context, &error);
    threads_allowed = -1;
    CHECK(status == LPREG_ERR_OUT_OF_MEMORY);
    CHECK(std::string("threads") == error.argument);
    CHECK(context == nullptr);
  }
}

void test_set_threads() {
  for (int allowed = 0; allowed < kThreads - 1; ++allowed) {
    lpreg_context* context = nullptr;
    CHECK(create(1, &context, nullptr) == LPREG_OK);
    lpreg_error error = empty_error();
    threads_allowed = allowed;
    const lpreg_status status = api().context_set_threads(context, kThreads, &error);
    threads_allowed = -1;
    CHECK(status == LPREG_ERR_OUT_OF_MEMORY);
    CHECK(std::string("threads") == error.argument);
    CHECK(threads_of(context) == 1 + allowed);
    CHECK(computes(context));
    CHECK(api().context_set_threads(context, kThreads, nullptr) == LPREG_OK);
    CHECK(threads_of(context) == kThreads);
    CHECK(computes(context));
    api().context_destroy(context);
  }
}

}  // namespace

int main() {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  std::puts("not run: a sanitizer stands where this test puts its own pthread_create");
  return 77;
#else
  test_create();
  test_set_threads();
  return lpreg::test::finish();
#endif
}
