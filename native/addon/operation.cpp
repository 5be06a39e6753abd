#include "operation.h"

#include <iterator>

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

}  // namespace

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
  call.gradient_is_scratch = operation.gradient_is_scratch() ? 1 : 0;
  try {
    lpreg_error error = empty_error();
    throw_if_failed(operation.run(call, &error), error);
    return std::nullopt;
  } catch (...) {
    Failure failure = current_failure();
    if (call.gradient_is_scratch != 0) failure.output_status = LPREG_UNTOUCHED;
    return failure;
  }
}

}  // namespace lpreg_addon
