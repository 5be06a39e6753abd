// Runs a function over the rows of a batch on the context's threads, with cancellation and progress.
#pragma once

#include <algorithm>
#include <cstdint>

#include "batch_view.h"
#include "context.h"
#include "failure.h"

namespace lpreg {

// Rows handed out at once, at most: enough elements to outweigh the hand-over, and enough rows for each but
// the last of a block to know which one follows it; but not all rows, where they are worth a second thread.
// The pool makes blocks smaller towards the end, so that they balance.
inline int64_t rows_per_block(int64_t rows, int64_t row_cost) {
  constexpr int64_t kElementsPerBlock = 32768;
  constexpr int64_t kElementsForTwoThreads = 131072;  // a sleeping thread wakes up within the time of half
  constexpr int64_t kRowsPerBlock = 8;
  const int64_t most = std::max(kRowsPerBlock, kElementsPerBlock / row_cost);
  const bool for_two = rows > kElementsForTwoThreads / row_cost;
  return for_two ? std::clamp<int64_t>(rows / 2, 1, most) : std::max(rows, most);
}

inline bool cancelled(const lpreg_call* call) {
  return call != nullptr && call->cancel != nullptr && __atomic_load_n(call->cancel, __ATOMIC_RELAXED) != 0;
}

// `row_cost`: of a row, in elements of a sweep. body(row, next, slot): `next` is the row that this thread
// takes up after this one, kNoRow where that is not known yet; slot names the executing thread's scratch.
// Throws LPREG_ERR_CANCELLED.
template <class Body>
void for_each_row_ahead(lpreg_context& context, int64_t rows, int64_t row_cost, const lpreg_call* call,
                        const Body& body) {
  volatile int64_t* rows_done = call == nullptr ? nullptr : call->rows_done;
  if (rows_done != nullptr) __atomic_store_n(rows_done, int64_t{0}, __ATOMIC_RELAXED);
  const auto block = [&](int64_t begin, int64_t end, int slot) {
    for (int64_t row = begin; row < end; ++row) {
      if (cancelled(call)) return false;
      body(row, row + 1 < end ? row + 1 : kNoRow, slot);
    }
    if (rows_done != nullptr) __atomic_fetch_add(rows_done, end - begin, __ATOMIC_RELAXED);
    return true;
  };
  if (!context.pool.parallel_for(rows, rows_per_block(rows, row_cost), block)) {
    throw Failure{LPREG_ERR_CANCELLED, "", -1, "the call was cancelled"};
  }
}

// The same from the last row to the first, for a second pass: what the first one has read last may still lie
// in the caches.
template <class Body>
void for_each_row_back(lpreg_context& context, int64_t rows, int64_t row_cost, const lpreg_call* call,
                       const Body& body) {
  const auto from_end = [rows](int64_t row) { return row == kNoRow ? kNoRow : rows - 1 - row; };
  for_each_row_ahead(context, rows, row_cost, call,
                     [&](int64_t row, int64_t next, int slot) { body(from_end(row), from_end(next), slot); });
}

// The same for a body(row, slot) that does not look ahead.
template <class Body>
void for_each_row(lpreg_context& context, int64_t rows, int64_t row_cost, const lpreg_call* call,
                  const Body& body) {
  for_each_row_ahead(context, rows, row_cost, call, [&](int64_t row, int64_t, int slot) { body(row, slot); });
}

}  // namespace lpreg
