// Runs a function over the rows of a batch on the context's threads, with cancellation and progress.
#pragma once

#include <algorithm>
#include <cstdint>

#include "context.h"
#include "failure.h"

namespace lpreg {

// Rows handed out at once: enough elements to outweigh the hand-over, few enough to balance and to stop soon.
inline int64_t rows_per_block(int64_t rows, int64_t vocab, int threads) {
  constexpr int64_t kElementsPerBlock = 32768;
  const int64_t by_size = std::max<int64_t>(1, kElementsPerBlock / std::max<int64_t>(1, vocab));
  const int64_t by_balance = std::max<int64_t>(1, rows / (int64_t{4} * threads));
  return std::min(by_size, by_balance);
}

inline bool cancelled(const lpreg_call* call) {
  return call != nullptr && call->cancel != nullptr && __atomic_load_n(call->cancel, __ATOMIC_RELAXED) != 0;
}

// body(row, slot); slot names the executing thread's scratch. Throws LPREG_ERR_CANCELLED with
// `output_status`.
template <class Body>
void for_each_row(lpreg_context& context, int64_t rows, int64_t vocab, const lpreg_call* call,
                  lpreg_output_status output_status, const Body& body) {
  volatile int64_t* rows_done = call == nullptr ? nullptr : call->rows_done;
  if (rows_done != nullptr) __atomic_store_n(rows_done, int64_t{0}, __ATOMIC_RELAXED);
  const auto block = [&](int64_t begin, int64_t end, int slot) {
    for (int64_t row = begin; row < end; ++row) {
      if (cancelled(call)) return false;
      body(row, slot);
    }
    if (rows_done != nullptr) __atomic_fetch_add(rows_done, end - begin, __ATOMIC_RELAXED);
    return true;
  };
  const int64_t grain = rows_per_block(rows, vocab, context.pool.threads());
  if (!context.pool.parallel_for(rows, grain, block)) {
    throw Failure{LPREG_ERR_CANCELLED, "", -1, "the call was cancelled", output_status};
  }
}

}  // namespace lpreg
