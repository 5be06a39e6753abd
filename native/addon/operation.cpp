#include "operation.h"

#include <iterator>
#include <mutex>

namespace lpreg_addon {
namespace {

struct Maker {
  const char* name;
  std::unique_ptr<Operation> (*make)(const Request& request);
};

constexpr Maker kMakers[] = {
    {"lossForward", make_loss_forward},
    {"lossBackward", make_loss_backward},
    {"lossForwardBackward", make_loss_forward_backward},
    {"tokenStats", make_token_stats},
    {"tokenStatsBackward", make_token_stats_backward},
    {"objective", make_objective},
    {"proxySnapshot", make_proxy_snapshot},
};

// Some 15 µs on one core of a server.
constexpr double kShortElements = 16384;

// What a call has to compute, in elements of a sweep; a row by itself costs as much as some hundred.
double elements_of(const Arguments& arguments) {
  constexpr double kElementsPerRow = 384;
  return arguments.number(Argument::rows) * (arguments.number(Argument::vocab) + kElementsPerRow);
}

void run_to_end(Operation& operation, const lpreg_call& call) {
  lpreg_error error = empty_error();
  if (!operation.storage().on_device()) return throw_if_failed(operation.run(call, &error), error);
  Context& context = operation.context();
  const std::lock_guard<std::mutex> turn(context.turn());
  try {
    throw_if_failed(operation.run(call, &error), error);
  } catch (...) {
    // What kernels of the part that ran have found must not be told of the next call.
    context.api().context_synchronize(context.get(), call.stream, nullptr);
    throw;
  }
  throw_if_failed(context.api().context_synchronize(context.get(), call.stream, &error), error);
  operation.fetch();
}

}  // namespace

Operation::Operation(const Request& request)
    : context_(request.context),
      storage_(*context_, request.is_job, request.arguments.flag(Argument::on_device)),
      is_short_(!context_->on_cuda() && elements_of(request.arguments) <= kShortElements) {
  if (!storage_.on_device() || context_->on_cuda()) return;
  throw Failure{LPREG_ERR_TYPE, "context", "expected that of a device"};
}

std::unique_ptr<Operation> make_operation(const Napi::Value& position, const Request& request) {
  const double number = as_number(position, "operation");
  for (size_t i = 0; i < std::size(kMakers); ++i) {
    if (number == static_cast<double>(i)) return kMakers[i].make(request);
  }
  throw Failure{LPREG_ERR_TYPE, "operation", "there is no such operation"};
}

Napi::Array operation_names(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  for (const Maker& maker : kMakers) names.Set(names.Length(), maker.name);
  return names;
}

std::optional<Failure> run_operation(Operation& operation, const volatile int32_t* cancel,
                                     volatile int64_t* rows_done) noexcept {
  lpreg_call call{};
  call.struct_size = sizeof call;
  call.cancel = cancel;
  call.rows_done = rows_done;
  call.stream = operation.storage().stream();
  call.host_memory = operation.storage().on_device() ? 0 : 1;
  call.gradient_is_scratch = operation.gradient_is_scratch() ? 1 : 0;
  try {
    run_to_end(operation, call);
    return std::nullopt;
  } catch (...) {
    Failure failure = current_failure();
    if (call.gradient_is_scratch != 0) failure.output_status = LPREG_UNTOUCHED;
    return failure;
  }
}

}  // namespace lpreg_addon
