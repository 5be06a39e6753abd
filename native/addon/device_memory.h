// Memory of a CUDA device behind a JavaScript object. Whoever uses it shares it, so that it outlives its
// disposal until the last job over it has ended.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>

#include "lpreg.h"
#include "tagged.h"

namespace lpreg_addon {

class DeviceMemory {
 public:
  // Allocates `length` elements; their content is undefined.
  DeviceMemory(const lpreg_api& api, int32_t device, napi_typedarray_type type, size_t length);
  // Memory of somebody else's, used in the order of their stream.
  DeviceMemory(const lpreg_api& api, void* pointer, napi_typedarray_type type, size_t length, void* stream);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  int32_t device() const { return device_; }
  napi_typedarray_type type() const { return type_; }
  size_t length() const { return length_; }
  size_t bytes() const;
  void* stream() const { return stream_; }
  uint8_t* data() const { return static_cast<uint8_t*>(pointer_); }

  // In the order of the stream; complete on return.
  void upload(const void* host, size_t bytes) const;
  void download(void* host, size_t bytes, size_t offset = 0) const;

 private:
  const lpreg_api& api_;
  int32_t device_ = 0;
  napi_typedarray_type type_;
  size_t length_;
  void* stream_ = nullptr;
  void* pointer_ = nullptr;
  bool owned_;
};

template <>
struct Tag<DeviceMemory> {
  static constexpr napi_type_tag value{0x8e0d6f4aa3c1495b, 0xb7716c02d95e4f38};
};

// nullptr unless the value is device memory; kDisposed where it has been let go of.
std::shared_ptr<DeviceMemory> find_device_memory(const Napi::Value& value, const char* argument);

}  // namespace lpreg_addon
