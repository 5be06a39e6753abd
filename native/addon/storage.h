// Where an operation reads and writes. A synchronous call uses JavaScript's own memory. A job runs while
// JavaScript goes on, which may detach an ArrayBuffer: it uses copies, except of memory that cannot go away.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "array_view.h"

namespace lpreg_addon {

class Storage {
 public:
  explicit Storage(bool is_job) : is_job_(is_job) { inputs_.reserve(kUsualInputs); }

  // A per-row input. Shared memory is copied in a synchronous call too: another thread may change it after it
  // was checked, and an action out of range would then be read.
  const uint8_t* small_input(const ArrayView& view);
  // A logits-sized input of `bytes` bytes: the array's own memory in a synchronous call or where it is
  // shared, else a copy.
  uint8_t* large_input(const ArrayView& view, size_t bytes);
  // Whether a job may write to the array directly.
  bool can_write(const ArrayView& view) const { return !is_job_ || view.shared; }
  // The array's own memory, kept alive as long as this object.
  uint8_t* in_use(const ArrayView& view);
  uint8_t* allocate(size_t bytes);

  // Whether an output of `bytes` bytes starts where the logits do, so that the call is meant to be in place.
  // Throws LPREG_ERR_ALIAS if it overlaps any other input, or the logits otherwise.
  bool is_in_place(const ArrayView& output, size_t bytes) const;

 private:
  static constexpr size_t kUsualInputs = 8;

  struct Input {
    const char* argument;
    const uint8_t* begin;
    size_t bytes;
  };

  uint8_t* copy(const uint8_t* data, size_t bytes);

  bool is_job_;
  std::vector<Input> inputs_;
  std::vector<std::unique_ptr<uint8_t[]>> allocations_;
  std::vector<Napi::ObjectReference> references_;
};

}  // namespace lpreg_addon
