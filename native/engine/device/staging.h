// Memory through which host tensors pass on their way to the device and back: slots of pinned host memory and
// as much device memory, each with a stream of its own, so that one slot's upload, another's kernels and a
// third one's download run at the same time.
#pragma once

#include <vector>

#include "device_errors.h"

namespace lpreg {

// Everything in it belongs to the device that was current when it was made, which must be current at its end.
class StagingSlot {
 public:
  explicit StagingSlot(size_t bytes);
  ~StagingSlot();
  StagingSlot(StagingSlot&& other) noexcept;
  StagingSlot& operator=(StagingSlot&&) = delete;

  char* pinned() const { return static_cast<char*>(pinned_); }
  char* device() const { return static_cast<char*>(device_); }
  void* stream() const { return stream_; }

 private:
  void* pinned_ = nullptr;
  void* device_ = nullptr;
  void* stream_ = nullptr;
};

// How a pass cuts the logits: chunks of `rows` rows through `slots` slots of `slot_bytes`.
struct StagingPlan {
  int64_t rows;
  int slots;
  size_t slot_bytes;
};

// Chunks large enough to run at full speed and small enough to overlap, within `bound` bytes in all. Throws
// LPREG_ERR_OPTION where the bound holds not even one row.
StagingPlan plan_staging(int64_t rows, int64_t bytes_per_row, int64_t bound);

class Staging {
 public:
  // Slots that serve the plan; those of an earlier call where they do.
  std::vector<StagingSlot>& slots_for(const StagingPlan& plan);
  // Until no slot is in use, whatever came of its work.
  void wait_quietly() const noexcept;
  void clear();

 private:
  std::vector<StagingSlot> slots_;
  size_t slot_bytes_ = 0;
};

// Device memory that grows with the largest request.
class DeviceArena {
 public:
  ~DeviceArena() { clear(); }
  DeviceArena() = default;
  DeviceArena(const DeviceArena&) = delete;
  DeviceArena& operator=(const DeviceArena&) = delete;

  char* reserve(size_t bytes);
  void clear();

 private:
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace lpreg
