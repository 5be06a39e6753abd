#include "staged_rows.h"

#include "../row_loop.h"

namespace lpreg {
namespace {

constexpr int64_t kBytesPerTask = 1 << 20;  // that one thread copies at once

// A matrix's place in a slot: rows on 16-byte boundaries, from `offset` on.
struct StagedMatrix {
  const lpreg_matrix* host = nullptr;
  int64_t row_bytes = 0;  // with padding
  int64_t copied_bytes = 0;
  int64_t offset = 0;

  // The matrix of a slot that holds rows from `first` on.
  lpreg_matrix in(char* slot, int64_t first) const {
    if (host == nullptr) return {};
    // Where row 0 would lie: an address to count from, not a place that anybody reads.
    const uintptr_t base = reinterpret_cast<uintptr_t>(slot + offset) -
                           static_cast<uintptr_t>(first) * static_cast<uintptr_t>(row_bytes);
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return {reinterpret_cast<void*>(base), host->dtype, row_bytes / element_size(host->dtype), 0};
  }
};

StagedMatrix staged(const lpreg_matrix& host, int64_t vocab) {
  const int64_t bytes = vocab * element_size(host.dtype);
  return {&host, (bytes + 15) / 16 * 16, bytes, 0};
}

// Calls body(begin, end) for the runs of rows of a chunk that `wanted` holds for.
template <class Wanted, class Body>
void for_each_run(const RowChunk& chunk, const Wanted& wanted, const Body& body) {
  const int64_t end = chunk.first + chunk.count;
  for (int64_t row = chunk.first; row < end; ++row) {
    if (!wanted(row)) continue;
    const int64_t begin = row;
    while (row < end && wanted(row)) ++row;
    body(begin, row);
  }
}

}  // namespace

// One pass over the rows: its place in the slots, and what moves in and out of them.
class StagedRows::Pass {
 public:
  Pass(StagedRows* rows, const RowUse& use);

  void run(const std::function<void(const RowChunk&)>& body);

 private:
  struct Turn {
    const StagingSlot* slot;
    RowChunk chunk{};  // in the slot; count 0: none
  };

  bool concerns(int64_t row) const { return only_.empty() || only_[static_cast<size_t>(row)] != 0; }
  bool concerns(int64_t first, int64_t count) const;
  void fill(const Turn& turn, const StagedMatrix& matrix);
  void start_download(const Turn& turn);
  void empty(Turn* turn);
  template <class Copy>
  void for_each_row_of(const Turn& turn, const StagedMatrix& matrix, int64_t begin, int64_t end,
                       const Copy& copy);

  StagedRows& rows_;
  RowUse use_;
  StagedMatrix logits_, old_logits_, gradient_;
  StagingPlan plan_;
  std::vector<uint8_t> only_;  // RowUse's, on the host; empty: all rows
};

StagedRows::Pass::Pass(StagedRows* rows, const RowUse& use) : rows_(*rows), use_(use) {
  const lpreg_batch& batch = rows_.view_.batch();
  logits_ = staged(batch.logits, batch.vocab);
  if (use.reads_old_logits) old_logits_ = staged(batch.old_logits, batch.vocab);
  // A gradient of the logits' dtype takes their place in the slot, wherever the caller wants it.
  const bool in_place = use.writes_gradient && rows_.gradient_->dtype == batch.logits.dtype;
  if (use.writes_gradient && !in_place) gradient_ = staged(*rows_.gradient_, batch.vocab);
  plan_ =
      plan_staging(batch.rows, logits_.row_bytes + old_logits_.row_bytes + gradient_.row_bytes, rows_.bound_);
  old_logits_.offset = plan_.rows * logits_.row_bytes;
  gradient_.offset = old_logits_.offset + plan_.rows * old_logits_.row_bytes;
  if (in_place) {
    gradient_ = logits_;
    gradient_.host = rows_.gradient_;
  }
  if (use.only == nullptr) return;
  only_.resize(static_cast<size_t>(batch.rows));
  check_device(cuda::copy_to_host(only_.data(), use.only, only_.size(), rows_.stream_));
  check_device(cuda::synchronize(rows_.stream_));
}

void StagedRows::Pass::run(const std::function<void(const RowChunk&)>& body) {
  const std::vector<StagingSlot>& slots = rows_.staging_->slots_for(plan_);
  std::vector<Turn> turns;
  turns.reserve(static_cast<size_t>(plan_.slots));
  for (int i = 0; i < plan_.slots; ++i) turns.push_back({&slots[static_cast<size_t>(i)], {}});
  size_t next = 0;
  for (int64_t first = 0; first < rows_.view_.rows(); first += plan_.rows) {
    if (cancelled(rows_.call_)) throw Failure{LPREG_ERR_CANCELLED, "", -1, "the call was cancelled"};
    const int64_t count = std::min(plan_.rows, rows_.view_.rows() - first);
    if (!concerns(first, count)) continue;
    Turn& turn = turns[next];
    next = (next + 1) % turns.size();
    empty(&turn);
    char* memory = turn.slot->device();
    turn.chunk = {first,
                  count,
                  logits_.in(memory, first),
                  old_logits_.in(memory, first),
                  gradient_.in(memory, first),
                  turn.slot->stream()};
    fill(turn, logits_);
    fill(turn, old_logits_);
    body(turn.chunk);
    start_download(turn);
  }
  for (size_t i = 0; i < turns.size(); ++i) empty(&turns[(next + i) % turns.size()]);
}

bool StagedRows::Pass::concerns(int64_t first, int64_t count) const {
  for (int64_t row = first; row < first + count; ++row) {
    if (concerns(row)) return true;
  }
  return false;
}

// copy(row of the host, row of the pinned memory) for rows [begin, end), on the context's threads.
template <class Copy>
void StagedRows::Pass::for_each_row_of(const Turn& turn, const StagedMatrix& matrix, int64_t begin,
                                       int64_t end, const Copy& copy) {
  char* pinned = turn.slot->pinned() + matrix.offset + (begin - turn.chunk.first) * matrix.row_bytes;
  const int64_t grain = std::max<int64_t>(1, kBytesPerTask / matrix.row_bytes);
  rows_.context_.pool.parallel_for(end - begin, grain, [&](int64_t from, int64_t to, int) {
    for (int64_t i = from; i < to; ++i) {
      copy(rows_.view_.row_data(*matrix.host, begin + i), pinned + i * matrix.row_bytes);
    }
    return true;
  });
}

// Masked rows are not read, not even for a copy.
void StagedRows::Pass::fill(const Turn& turn, const StagedMatrix& matrix) {
  if (matrix.host == nullptr) return;
  const auto bytes = static_cast<size_t>(matrix.copied_bytes);
  const auto wanted = [this](int64_t row) { return rows_.view_.valid(row) && concerns(row); };
  for_each_run(turn.chunk, wanted, [&](int64_t begin, int64_t end) {
    for_each_row_of(turn, matrix, begin, end,
                    [bytes](const void* host, char* pinned) { std::memcpy(pinned, host, bytes); });
    const int64_t at = matrix.offset + (begin - turn.chunk.first) * matrix.row_bytes;
    check_device(cuda::copy_to_device(turn.slot->device() + at, turn.slot->pinned() + at,
                                      static_cast<size_t>((end - begin) * matrix.row_bytes),
                                      turn.chunk.stream));
  });
}

void StagedRows::Pass::start_download(const Turn& turn) {
  if (!use_.writes_gradient) return;
  const auto wanted = [this](int64_t row) { return concerns(row); };
  for_each_run(turn.chunk, wanted, [&](int64_t begin, int64_t end) {
    const int64_t at = gradient_.offset + (begin - turn.chunk.first) * gradient_.row_bytes;
    check_device(cuda::copy_to_host(turn.slot->pinned() + at, turn.slot->device() + at,
                                    static_cast<size_t>((end - begin) * gradient_.row_bytes),
                                    turn.chunk.stream));
  });
}

// Waits for the slot's work and hands its gradient to the caller.
void StagedRows::Pass::empty(Turn* turn) {
  if (turn->chunk.count == 0) return;
  check_device(cuda::synchronize(turn->chunk.stream));
  if (use_.writes_gradient) {
    rows_.has_written_ = true;
    const auto bytes = static_cast<size_t>(gradient_.copied_bytes);
    const auto wanted = [this](int64_t row) { return concerns(row); };
    for_each_run(turn->chunk, wanted, [&](int64_t begin, int64_t end) {
      for_each_row_of(*turn, gradient_, begin, end,
                      [bytes](void* host, const char* pinned) { std::memcpy(host, pinned, bytes); });
    });
  }
  const lpreg_call* call = rows_.call_;
  if (call != nullptr && call->rows_done != nullptr) {
    __atomic_fetch_add(call->rows_done, turn->chunk.count, __ATOMIC_RELAXED);
  }
  turn->chunk.count = 0;
}

void StagedRows::for_each_chunk(const RowUse& use, const std::function<void(const RowChunk&)>& body) {
  settle();
  if (call_ != nullptr && call_->rows_done != nullptr) {
    __atomic_store_n(call_->rows_done, int64_t{0}, __ATOMIC_RELAXED);
  }
  if (view_.rows() > 0) Pass(this, use).run(body);
}

void StagedRows::settle() const {
  cuda::StatusWord found{};
  check_device(cuda::copy_to_host(&found, status_, sizeof found, stream_));
  check_device(cuda::synchronize(stream_));
  throw_finding(found);
}

}  // namespace lpreg
