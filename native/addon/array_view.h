// The memory behind a typed array, read raw (node-addon-api knows neither Float16Array nor views of a
// SharedArrayBuffer), or an array of a device.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "device_memory.h"
#include "failure.h"

namespace lpreg_addon {

struct ArrayView {
  Napi::Value array;
  const char* argument;  // for errors
  napi_typedarray_type type;
  size_t length;  // elements
  uint8_t* data;
  std::shared_ptr<DeviceMemory> device;  // null: host memory
  bool shared;  // backed by a SharedArrayBuffer: never detached, but written by other threads at any time

  size_t bytes() const;
};

constexpr auto kFloat16Array = static_cast<napi_typedarray_type>(11);  // absent from older headers
constexpr int32_t kLastArrayType = kFloat16Array;

size_t element_size(napi_typedarray_type type);

// Throws ERR_TYPE for anything but a typed array or device memory, kDetached or kDisposed when its memory is
// gone.
ArrayView view_array(const Napi::Value& value, const char* argument);
// `status`: LPREG_ERR_TYPE or LPREG_ERR_DTYPE
void require_type(const ArrayView& view, std::initializer_list<napi_typedarray_type> types,
                  lpreg_status status = LPREG_ERR_TYPE);
void require_length(const ArrayView& view, int64_t length);

}  // namespace lpreg_addon
