// One call of the library: read from JavaScript, run on any thread, turned into JavaScript again.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "arguments.h"
#include "context.h"
#include "lpreg.h"
#include "storage.h"

namespace lpreg_addon {

struct Request {
  std::shared_ptr<Context> context;
  const Arguments& arguments;
  bool is_job;
};

class Operation {
 public:
  explicit Operation(const Request& request);
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Any thread; may throw what current_failure() knows.
  virtual lpreg_status run(const lpreg_call& call, lpreg_error* error) = 0;
  // The same thread, once a device has finished; brings results to the host.
  virtual void fetch() {}
  // JavaScript thread, after a run that succeeded; may throw a Failure.
  virtual Napi::Value result(Napi::Env env) = 0;
  // Whether nobody sees what a run that failed has written.
  virtual bool gradient_is_scratch() const { return true; }

  // Whether a run takes no longer than a sleeping thread takes to wake up.
  bool is_short() const { return is_short_; }

  Context& context() const { return *context_; }
  const Storage& storage() const { return storage_; }

 protected:
  std::shared_ptr<Context> context_;
  Storage storage_;

 private:
  bool is_short_;
};

// By its position in operation_names(). Throws a Failure where the arguments are wrong.
std::unique_ptr<Operation> make_operation(const Napi::Value& position, const Request& request);
Napi::Array operation_names(Napi::Env env);

std::unique_ptr<Operation> make_loss_forward(const Request& request);
std::unique_ptr<Operation> make_loss_backward(const Request& request);
std::unique_ptr<Operation> make_loss_forward_backward(const Request& request);
std::unique_ptr<Operation> make_token_stats(const Request& request);
std::unique_ptr<Operation> make_token_stats_backward(const Request& request);
std::unique_ptr<Operation> make_objective(const Request& request);
std::unique_ptr<Operation> make_proxy_snapshot(const Request& request);

// What went wrong, if anything did; `cancel` and `rows_done` may be null. Any thread; never throws.
std::optional<Failure> run_operation(Operation& operation, const volatile int32_t* cancel,
                                     volatile int64_t* rows_done) noexcept;

}  // namespace lpreg_addon
