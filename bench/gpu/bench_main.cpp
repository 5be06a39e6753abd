// lpreg_bench_cuda [--quick]: how long the kernels take through the C ABI, next to a device-to-device copy of
// the same bytes in the same process. One JSON object per line. Medians of 20 runs by CUDA events after 3
// warm-up runs; "bytes" are what the operation must move at least: the logits once, and the gradient once
// where there is one.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "include/lpreg.h"

namespace {

constexpr int kWarmUps = 3, kRuns = 20;
constexpr int64_t kPatternRows = 8;  // drawn on the host once; the rows of a batch repeat them

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

void check(lpreg_status status, const lpreg_error& error, const char* what) {
  if (status == LPREG_OK) return;
  std::fprintf(stderr, "%s: status %d, %s %s\n", what, status, error.argument, error.message);
  std::exit(1);
}

class Buffer {
 public:
  explicit Buffer(size_t bytes) { check(cudaMalloc(&memory_, bytes), "cudaMalloc"); }
  ~Buffer() { cudaFree(memory_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  template <class T = void>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

struct Shape {
  int32_t dtype;
  int64_t rows, vocab;
  bool peaked;
  size_t element() const { return dtype == LPREG_FLOAT32 ? 4 : 2; }
  size_t bytes() const { return static_cast<size_t>(rows * vocab) * element(); }
};

double median_ms(const std::function<void()>& run) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<float> times;
  for (int i = 0; i < kWarmUps + kRuns; ++i) {
    check(cudaEventRecord(begin), "cudaEventRecord");
    run();
    check(cudaEventRecord(end), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
    if (i >= kWarmUps) times.push_back(ms);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  return static_cast<double>(times[kRuns / 2]);
}

void fill_logits(const Shape& shape, void* device) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0f, shape.peaked ? 3.0f : 0.1f);
  const int64_t rows = std::min(shape.rows, kPatternRows);
  const size_t row_bytes = static_cast<size_t>(shape.vocab) * shape.element();
  std::vector<char> pattern(static_cast<size_t>(rows) * row_bytes);
  for (int64_t i = 0; i < rows * shape.vocab; ++i) {
    float value = normal(random);
    if (shape.peaked && i % shape.vocab == 17) value = 25.0f;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t stored = shape.element() == 4 ? bits : bits >> 16;
    std::memcpy(pattern.data() + static_cast<size_t>(i) * shape.element(), &stored, shape.element());
  }
  for (int64_t row = 0; row < shape.rows; row += rows) {
    const auto count = static_cast<size_t>(std::min(rows, shape.rows - row));
    check(cudaMemcpy(static_cast<char*>(device) + static_cast<size_t>(row) * row_bytes, pattern.data(),
                     count * row_bytes, cudaMemcpyHostToDevice),
          "cudaMemcpy");
  }
}

template <class T, class Make>
void upload(const Buffer& buffer, int64_t count, const Make& make) {
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<T>(make(i)));
  check(cudaMemcpy(buffer.as(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
        "cudaMemcpy");
}

lpreg_loss_options base_options(int32_t objective) {
  lpreg_loss_options options{};
  options.struct_size = sizeof options;
  options.objective = objective;
  options.row.temperature = 1;
  options.clip_low = options.clip_high = 0.2;
  return options;
}

lpreg_loss_options lp_reg_options(int32_t objective) {
  lpreg_loss_options options = base_options(objective);
  options.clip_low = 1;
  options.clip_high = 9;
  options.beta = 1;
  options.row.proxy = LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.02;
  if (objective == LPREG_LP_REG_PAPER) options.rho = 0.01;
  if (objective == LPREG_LP_REG_KEPT) options.estimator = LPREG_K3;
  return options;
}

class Bench {
 public:
  Bench(const lpreg_api& api, lpreg_context* context, const Shape& shape)
      : api_(api),
        context_(context),
        shape_(shape),
        logits_(shape.bytes()),
        gradient_(shape.bytes()),
        actions_(static_cast<size_t>(shape.rows) * 4),
        old_log_probs_(static_cast<size_t>(shape.rows) * 4),
        advantages_(static_cast<size_t>(shape.rows) * 4),
        result_(sizeof(lpreg_loss_result)) {
    fill_logits(shape, logits_.as());
    upload<int32_t>(actions_, shape.rows, [&](int64_t i) { return i * 7919 % shape.vocab; });
    upload<float>(old_log_probs_, shape.rows,
                  [](int64_t i) { return -8.0 - 0.01 * static_cast<double>(i % 100); });
    upload<float>(advantages_, shape.rows, [](int64_t i) { return i % 2 == 0 ? 1.0 : -1.0; });
    batch_.struct_size = sizeof batch_;
    batch_.sequences = 1;
    batch_.tokens = batch_.rows = shape.rows;
    batch_.vocab = shape.vocab;
    batch_.logits = {logits_.as(), shape.dtype, shape.vocab, 0};
    batch_.actions = actions_.as();
    batch_.old_log_probs = old_log_probs_.as<float>();
    batch_.advantages = advantages_.as<float>();
    error_.struct_size = sizeof error_;
  }

  void run() {
    copy_ms_ = median_ms([&] {
      check(cudaMemcpyAsync(gradient_.as(), logits_.as(), shape_.bytes(), cudaMemcpyDeviceToDevice),
            "cudaMemcpyAsync");
    });
    report("copy", copy_ms_, 2);
    loss("grpo", base_options(LPREG_GRPO));
    loss("lp-reg kept", lp_reg_options(LPREG_LP_REG_KEPT));
    loss("lp-reg paper, default selection", lp_reg_options(LPREG_LP_REG_PAPER));
  }

 private:
  void loss(const char* name, const lpreg_loss_options& options) {
    size_t bytes = 0;
    check(api_.loss_workspace_size(context_, &options, &batch_, &bytes, &error_), error_, name);
    const Buffer workspace(bytes);
    lpreg_matrix gradient = batch_.logits;
    gradient.data = gradient_.as();
    lpreg_call call{};
    call.struct_size = sizeof call;
    call.gradient_is_scratch = 1;
    const lpreg_scalar one{LPREG_HOST, 1.0, nullptr};
    auto* result = result_.as<lpreg_loss_result>();
    const auto both = [&] {
      check(api_.loss_forward_backward(context_, &options, &batch_, workspace.as(), bytes, one, &gradient,
                                       nullptr, result, &call, &error_),
            error_, name);
    };
    const auto forward = [&] {
      check(api_.loss_forward(context_, &options, &batch_, workspace.as(), bytes, nullptr, result, &call,
                              &error_),
            error_, name);
    };
    const auto backward = [&] {
      check(api_.loss_backward(context_, &options, &batch_, workspace.as(), bytes, one, &gradient, &call,
                               &error_),
            error_, name);
    };
    char label[96];
    std::snprintf(label, sizeof label, "%s: forward_backward", name);
    report(label, median_ms(both), 2);
    std::snprintf(label, sizeof label, "%s: forward", name);
    report(label, median_ms(forward), 1);
    std::snprintf(label, sizeof label, "%s: backward", name);
    report(label, median_ms(backward), 2);
    check(api_.context_synchronize(context_, nullptr, &error_), error_, name);
  }

  void report(const char* name, double ms, int crossings) const {
    const double gigabytes = static_cast<double>(shape_.bytes()) * crossings / 1e9;
    const double copy_rate = static_cast<double>(shape_.bytes()) * 2 / 1e9 / (copy_ms_ / 1e3);
    std::printf(
        "{\"operation\": \"%s\", \"dtype\": \"%s\", \"rows\": %lld, \"vocab\": %lld, \"logits\": \"%s\", "
        "\"ms\": %.5f, "
        "\"gigabytes\": %.6f, \"gb_per_s\": %.1f, \"share_of_copy_rate\": %.4f}\n",
        name, shape_.dtype == LPREG_FLOAT32 ? "float32" : "bfloat16", static_cast<long long>(shape_.rows),
        static_cast<long long>(shape_.vocab), shape_.peaked ? "peaked" : "flat", ms, gigabytes,
        gigabytes / (ms / 1e3), gigabytes / (ms / 1e3) / copy_rate);
    std::fflush(stdout);
  }

  const lpreg_api& api_;
  lpreg_context* context_;
  Shape shape_;
  Buffer logits_, gradient_, actions_, old_log_probs_, advantages_, result_;
  lpreg_batch batch_{};
  lpreg_error error_{};
  double copy_ms_ = 1;
};

bool fits(const Shape& shape) {
  size_t free_bytes = 0, total = 0;
  check(cudaMemGetInfo(&free_bytes, &total), "cudaMemGetInfo");
  return 2 * shape.bytes() < free_bytes / 10 * 9;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context_options options{};
  options.struct_size = sizeof options;
  options.backend = LPREG_BACKEND_CUDA;
  lpreg_error error{};
  error.struct_size = sizeof error;
  lpreg_context* context = nullptr;
  check(api.context_create(&options, &context, &error), error, "context_create");
  for (const int64_t vocab : {151936, 32000, 128256, 262144}) {
    for (const int64_t rows : {8192, 4096, 64, 1}) {
      for (const int32_t dtype : {LPREG_BFLOAT16, LPREG_FLOAT32}) {
        for (const bool peaked : {true, false}) {
          const Shape shape{dtype, rows, vocab, peaked};
          if (quick && (rows > 64 || vocab != 151936)) continue;
          if (fits(shape)) Bench(api, context, shape).run();
        }
      }
    }
  }
  api.context_destroy(context);
  return 0;
}
