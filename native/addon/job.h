// An operation on its way through the executor.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "operation.h"

namespace lpreg_addon {

class Job {
 public:
  Job(uint32_t id, std::unique_ptr<Operation> operation, napi_deferred promise)
      : id_(id), operation_(std::move(operation)), promise_(promise) {}

  uint32_t id() const { return id_; }

  // Any thread.
  void cancel() { __atomic_store_n(&cancel_, 1, __ATOMIC_RELAXED); }
  int64_t rows_done() const { return __atomic_load_n(&rows_done_, __ATOMIC_RELAXED); }

  // Executor thread.
  void run();
  // JavaScript thread, for a job that will never run.
  void cancel_before_run();
  // JavaScript thread: resolves the promise with the result, or rejects it with a failure's object. Once.
  void settle(Napi::Env env) noexcept;

 private:
  uint32_t id_;
  std::unique_ptr<Operation> operation_;
  napi_deferred promise_;
  std::optional<Failure> failure_;
  volatile int32_t cancel_ = 0;
  volatile int64_t rows_done_ = 0;
};

}  // namespace lpreg_addon
