#include "staging.h"

#include <algorithm>
#include <utility>

namespace lpreg {
namespace {

constexpr int64_t kMostSlots = 3;      // one is filled, one computed, one emptied
constexpr int64_t kChunksPerPass = 8;  // of a batch that could pass in fewer: the first cannot overlap
constexpr int64_t kSmallestChunk = 4ll << 20;  // bytes; below, the start of a copy costs as much as the copy

}  // namespace

StagingSlot::StagingSlot(size_t bytes) {
  int code = cuda::allocate_pinned(&pinned_, bytes);
  if (code == 0) code = cuda::allocate(&device_, bytes);
  if (code == 0) code = cuda::create_stream(&stream_);
  if (code == 0) return;
  cuda::release(device_);
  cuda::release_pinned(pinned_);
  check_device(code);
}

StagingSlot::~StagingSlot() {
  if (stream_ == nullptr) return;
  cuda::synchronize(stream_);
  cuda::destroy_stream(stream_);
  cuda::release(device_);
  cuda::release_pinned(pinned_);
}

StagingSlot::StagingSlot(StagingSlot&& other) noexcept
    : pinned_(other.pinned_), device_(other.device_), stream_(std::exchange(other.stream_, nullptr)) {}

StagingPlan plan_staging(int64_t rows, int64_t bytes_per_row, int64_t bound) {
  const int64_t slots = std::min(kMostSlots, bound / bytes_per_row);
  if (slots == 0) {
    throw Failure{LPREG_ERR_OPTION, "staging_bytes", -1, "does not hold one row of what a pass stages"};
  }
  const int64_t largest = bound / slots / bytes_per_row;
  const int64_t overlapping = std::max(rows / kChunksPerPass, kSmallestChunk / bytes_per_row);
  const int64_t chunk = std::min(rows, std::max<int64_t>(1, std::min(largest, overlapping)));
  const int64_t chunks = (rows + chunk - 1) / chunk;
  return {chunk, static_cast<int>(std::min(slots, chunks)), static_cast<size_t>(chunk * bytes_per_row)};
}

std::vector<StagingSlot>& Staging::slots_for(const StagingPlan& plan) {
  const auto wanted = static_cast<size_t>(plan.slots);
  if (slot_bytes_ < plan.slot_bytes) {
    clear();  // first, so that the bound holds
    slot_bytes_ = plan.slot_bytes;
  }
  slots_.reserve(wanted);
  while (slots_.size() < wanted) slots_.emplace_back(slot_bytes_);
  return slots_;
}

void Staging::clear() {
  slots_.clear();
  slot_bytes_ = 0;
}

void Staging::wait_quietly() const noexcept {
  for (const StagingSlot& slot : slots_) cuda::synchronize(slot.stream());
}

char* DeviceArena::reserve(size_t bytes) {
  if (bytes_ < bytes) {
    clear();
    check_device(cuda::allocate(&memory_, bytes));
    bytes_ = bytes;
  }
  return static_cast<char*>(memory_);
}

void DeviceArena::clear() {
  if (memory_ != nullptr) cuda::release(memory_);
  memory_ = nullptr;
  bytes_ = 0;
}

}  // namespace lpreg
