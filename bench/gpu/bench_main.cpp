// How long the kernels take through the C ABI, next to a copy of the same bytes inside the device. One JSON
// object per line. A time is the median of --runs runs by the device's own clock, after warm-up. `bytes` are
// what the operation must move at least: the logits once, and the gradient once where there is one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "arguments.h"
#include "device_batch.h"
#include "device_clock.h"
#include "errors.h"
#include "losses.h"

namespace lpreg::bench {

void fail(const char* what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what, why);
  std::exit(1);
}

namespace {

constexpr int kWarmUps = 3;
constexpr lpreg_scalar kOne{LPREG_HOST, 1, nullptr};

double median_ms(int runs, const std::function<void()>& run) {
  DeviceClock clock;
  std::vector<double> times;
  for (int i = 0; i < kWarmUps + runs; ++i) {
    clock.begin();
    run();
    const double ms = clock.milliseconds();
    if (i >= kWarmUps) times.push_back(ms);
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// All measurements of one shape.
class Bench {
 public:
  Bench(const lpreg_api& api, lpreg_context* context, const Shape& shape, int runs)
      : api_(api),
        context_(context),
        runs_(runs),
        batch_(api, shape),
        gradient_(api, shape.bytes()),
        result_(api, sizeof(lpreg_loss_result)) {
    error_.struct_size = sizeof error_;
    call_.struct_size = sizeof call_;
    call_.gradient_is_scratch = 1;
  }

  void run() {
    const size_t bytes = batch_.shape().bytes();
    copy_ms_ = median_ms(runs_, [&] { copy_on_device(gradient_.as(), batch_.batch().logits.data, bytes); });
    report("copy", "", copy_ms_, 2, nullptr);
    for (const Loss& loss : {grpo(), lp_reg_kept(), lp_reg_paper()}) run_loss(loss);
  }

 private:
  void run_loss(const Loss& loss) {
    const lpreg_loss_options& options = loss.options;
    const lpreg_batch& batch = batch_.batch();
    size_t bytes = 0;
    check(api_.loss_workspace_size(context_, &options, &batch, &bytes, &error_), error_, loss.name);
    const Buffer workspace(api_, bytes);
    lpreg_matrix gradient = batch.logits;
    gradient.data = gradient_.as();
    auto* result = result_.as<lpreg_loss_result>();
    const Errors errors = measure_errors(api_, context_, loss, batch_, workspace, bytes, gradient_);
    const auto timed = [&](const char* operation, int crossings, const std::function<lpreg_status()>& run) {
      const double ms = median_ms(runs_, [&] { check(run(), error_, loss.name); });
      report(loss.name, operation, ms, crossings, &errors);
    };
    timed("forward_backward", 2, [&] {
      return api_.loss_forward_backward(context_, &options, &batch, workspace.as(), bytes, kOne, &gradient,
                                        nullptr, result, &call_, &error_);
    });
    timed("forward", 1, [&] {
      return api_.loss_forward(context_, &options, &batch, workspace.as(), bytes, nullptr, result, &call_,
                               &error_);
    });
    timed("backward", 2, [&] {
      return api_.loss_backward(context_, &options, &batch, workspace.as(), bytes, kOne, &gradient, &call_,
                                &error_);
    });
    check(api_.context_synchronize(context_, nullptr, &error_), error_, loss.name);
  }

  void report(const char* name, const char* operation, double ms, int crossings, const Errors* errors) const {
    const Shape& shape = batch_.shape();
    const double bytes = static_cast<double>(shape.bytes()) * crossings;
    const double rate = bytes / 1e6 / ms;
    const double copy_rate = static_cast<double>(shape.bytes()) * 2 / 1e6 / copy_ms_;
    std::printf(
        "{\"name\": \"%s\", \"operation\": \"%s\", \"dtype\": \"%s\", \"rows\": %lld, \"vocab\": %lld, "
        "\"logits\": \"%s\", \"ms\": %.6f, \"bytes\": %.0f, \"gb_per_s\": %.2f, "
        "\"share_of_copy_rate\": %.4f",
        name, operation, shape.dtype == LPREG_FLOAT32 ? "float32" : "bfloat16",
        static_cast<long long>(shape.rows), static_cast<long long>(shape.vocab),
        shape.peaked ? "peaked" : "flat", ms, bytes, rate, rate / copy_rate);
    if (errors != nullptr) {
      std::printf(", \"log_prob_error\": %.3g, \"gradient_error\": %.3g", errors->log_prob, errors->gradient);
    }
    std::printf("}\n");
    std::fflush(stdout);
  }

  const lpreg_api& api_;
  lpreg_context* context_;
  int runs_;
  DeviceBatch batch_;
  Buffer gradient_, result_;
  lpreg_error error_{};
  lpreg_call call_{};
  double copy_ms_ = 1;
};

std::vector<Shape> shapes_of(const Arguments& arguments) {
  std::vector<Shape> shapes;
  for (const int64_t rows : arguments.rows) {
    for (const int64_t vocab : arguments.vocabs) {
      for (const std::string& dtype : arguments.dtypes) {
        for (const std::string& logits : arguments.logits) {
          shapes.push_back(
              {dtype == "float32" ? LPREG_FLOAT32 : LPREG_BFLOAT16, rows, vocab, logits == "peaked"});
        }
      }
    }
  }
  return shapes;
}

void skip(const Shape& shape, const char* why) {
  std::printf("{\"skipped\": \"%s\", \"rows\": %lld, \"vocab\": %lld, \"dtype\": \"%s\"}\n", why,
              static_cast<long long>(shape.rows), static_cast<long long>(shape.vocab),
              shape.dtype == LPREG_FLOAT32 ? "float32" : "bfloat16");
}

void run_all(const lpreg_api& api, lpreg_context* context, const Arguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  for (const Shape& shape : shapes_of(arguments)) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began;
    if (arguments.seconds > 0 && elapsed.count() > arguments.seconds) {
      skip(shape, "out of time");
    } else if (2 * shape.bytes() > free_device_memory() / 10 * 9) {
      skip(shape, "out of memory");
    } else {
      Bench(api, context, shape, arguments.runs).run();
    }
  }
}

}  // namespace
}  // namespace lpreg::bench

int main(int argc, char** argv) {
  using namespace lpreg::bench;
  Arguments arguments;
  if (!parse(argc, argv, &arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const lpreg_api& api = *lpreg_get_api(LPREG_ABI_VERSION);
  lpreg_context_options options{};
  options.struct_size = sizeof options;
  options.backend = LPREG_BACKEND_CUDA;
  lpreg_error error{};
  error.struct_size = sizeof error;
  lpreg_context* context = nullptr;
  check(api.context_create(&options, &context, &error), error, "context_create");
  run_all(api, context, arguments);
  api.context_destroy(context);
  return 0;
}
