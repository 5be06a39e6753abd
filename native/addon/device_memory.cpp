#include "device_memory.h"

#include <algorithm>

#include "array_view.h"

namespace lpreg_addon {

DeviceMemory::DeviceMemory(const lpreg_api& api, int32_t device, napi_typedarray_type type, size_t length)
    : api_(api), device_(device), type_(type), length_(length), owned_(true) {
  lpreg_error error = empty_error();
  // An empty array has an address too: to the C ABI none would say that it is absent.
  const size_t size = std::max<size_t>(bytes(), 1);
  throw_if_failed(api_.device_allocate(device_, size, &pointer_, &error), error);
}

DeviceMemory::DeviceMemory(const lpreg_api& api, void* pointer, napi_typedarray_type type, size_t length,
                           void* stream)
    : api_(api), type_(type), length_(length), stream_(stream), pointer_(pointer), owned_(false) {
  lpreg_error error = empty_error();
  throw_if_failed(api_.device_of_pointer(pointer_, &device_, &error), error);
}

// Nobody can be told of a failure to release; it leaves its traces in the calls that follow.
DeviceMemory::~DeviceMemory() {
  if (owned_) api_.device_release(device_, pointer_, nullptr);
}

size_t DeviceMemory::bytes() const { return length_ * element_size(type_); }

void DeviceMemory::upload(const void* host, size_t bytes) const {
  if (bytes == 0) return;
  lpreg_error error = empty_error();
  throw_if_failed(api_.device_upload(device_, pointer_, host, bytes, stream_, 1, &error), error);
}

void DeviceMemory::download(void* host, size_t bytes, size_t offset) const {
  if (bytes == 0) return;
  lpreg_error error = empty_error();
  throw_if_failed(api_.device_download(device_, host, data() + offset, bytes, stream_, 1, &error), error);
}

std::shared_ptr<DeviceMemory> find_device_memory(const Napi::Value& value, const char* argument) {
  const std::shared_ptr<DeviceMemory>* holder = find_wrapped<DeviceMemory>(value);
  if (holder == nullptr) return nullptr;
  if (*holder == nullptr) throw Failure{kDisposed, argument, "this device memory has been disposed of"};
  return *holder;
}

}  // namespace lpreg_addon
