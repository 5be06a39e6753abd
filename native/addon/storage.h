// Where an operation reads and writes. A synchronous call uses JavaScript's own memory. A job runs while
// JavaScript goes on, which may detach an ArrayBuffer: it uses copies, except of memory that cannot go away.
// A call over device memory uses its arrays where they are, and copies small arrays of the host to the
// device.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "array_view.h"
#include "context.h"

namespace lpreg_addon {

class Storage {
 public:
  // `on_device`: the logits, or what stands for them, are memory of the context's device.
  Storage(const Context& context, bool is_job, bool on_device);

  bool on_device() const { return on_device_; }
  // That of the wrapped arrays of the call; null: the default one.
  void* stream() const { return stream_; }

  // A per-row input. Shared memory is copied in a synchronous call too: another thread may change it after it
  // was checked, and an action out of range would then be read.
  const uint8_t* small_input(const ArrayView& view);
  // The same of memory that is not JavaScript's and outlives the operation.
  const uint8_t* small_input(const void* data, size_t bytes);
  // A logits-sized input of `bytes` bytes: the array's own memory in a synchronous call or where it is
  // shared or on the device, else a copy.
  uint8_t* large_input(const ArrayView& view, size_t bytes);
  // Whether a job may write to the array directly.
  bool can_write(const ArrayView& view) const;
  // The array's own memory, kept alive as long as this object.
  uint8_t* in_use(const ArrayView& view);
  // The same of an array that stays on the host when all others are on a device.
  uint8_t* in_use_by_host(const ArrayView& view);
  uint8_t* allocate(size_t bytes);
  // Memory of the context's device, `length` elements.
  std::shared_ptr<DeviceMemory> allocate_on_device(size_t length,
                                                   napi_typedarray_type type = napi_uint8_array) const;

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
  // Throws unless the array is where the call runs.
  void use_device_array(const ArrayView& view);

  const Context& context_;
  bool is_job_;
  bool on_device_;
  void* stream_ = nullptr;
  std::vector<Input> inputs_;
  std::vector<std::unique_ptr<uint8_t[]>> allocations_;
  std::vector<std::shared_ptr<DeviceMemory>> device_memory_;
  std::vector<Napi::ObjectReference> references_;
};

}  // namespace lpreg_addon
