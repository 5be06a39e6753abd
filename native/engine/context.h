// What a caller's context owns: the thread pool, the row kernels of the chosen instruction set, and a device
// or none.
#pragma once

#include <memory>
#include <shared_mutex>

#include "../cpu/dispatch.h"
#include "../cpu/thread_pool.h"
#include "../include/lpreg.h"
#include "device_engine.h"

struct lpreg_context {
  explicit lpreg_context(int threads, const lpreg::cpu::RowKernels& chosen = lpreg::cpu::row_kernels())
      : pool(threads), kernels(chosen) {}

  // Calls hold this shared, so that the thread count (and with it the number of scratch slots) cannot change
  // under them.
  std::shared_lock<std::shared_mutex> in_use() const { return std::shared_lock<std::shared_mutex>(mutex); }

  lpreg::cpu::ThreadPool pool;
  const lpreg::cpu::RowKernels& kernels;
  mutable std::shared_mutex mutex;
  std::unique_ptr<lpreg::DeviceEngine> device;  // NULL: the CPU
};
