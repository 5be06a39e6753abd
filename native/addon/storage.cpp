#include "storage.h"

#include <cstring>

namespace lpreg_addon {

Storage::Storage(const Context& context, bool is_job, bool on_device)
    : context_(context), is_job_(is_job), on_device_(on_device) {
  inputs_.reserve(kUsualInputs);
}

const uint8_t* Storage::small_input(const ArrayView& view) {
  inputs_.push_back({view.argument, view.data, view.bytes()});
  if (view.device != nullptr) return in_use(view);
  if (on_device_) return small_input(view.data, view.bytes());
  return is_job_ || view.shared ? copy(view.data, view.bytes()) : view.data;
}

const uint8_t* Storage::small_input(const void* data, size_t bytes) {
  if (!on_device_) return static_cast<const uint8_t*>(data);
  device_memory_.push_back(allocate_on_device(bytes));
  device_memory_.back()->upload(data, bytes);
  return device_memory_.back()->data();
}

uint8_t* Storage::large_input(const ArrayView& view, size_t bytes) {
  inputs_.push_back({view.argument, view.data, bytes});
  return can_write(view) ? in_use(view) : copy(view.data, bytes);
}

bool Storage::can_write(const ArrayView& view) const {
  return !is_job_ || view.shared || view.device != nullptr;
}

uint8_t* Storage::in_use(const ArrayView& view) {
  if (!on_device_ && view.device == nullptr) return in_use_by_host(view);
  use_device_array(view);
  return view.data;
}

uint8_t* Storage::in_use_by_host(const ArrayView& view) {
  if (is_job_) references_.push_back(Napi::Persistent(view.array.As<Napi::Object>()));
  return view.data;
}

void Storage::use_device_array(const ArrayView& view) {
  if (view.device == nullptr) {
    throw Failure{LPREG_ERR_TYPE, view.argument, "expected device memory, as the logits are"};
  }
  if (!on_device_) {
    throw Failure{LPREG_ERR_TYPE, view.argument, "expected memory of the host, as the logits are"};
  }
  const DeviceMemory& memory = *view.device;
  if (memory.device() != context_.device()) {
    throw Failure{LPREG_ERR_TYPE, view.argument,
                  "lies on device " + std::to_string(memory.device()) + ", not on device " +
                      std::to_string(context_.device())};
  }
  if (memory.stream() != nullptr && stream_ != nullptr && memory.stream() != stream_) {
    throw Failure{LPREG_ERR_OPTION, view.argument, "is used in the order of another stream"};
  }
  if (memory.stream() != nullptr) stream_ = memory.stream();
  device_memory_.push_back(view.device);
}

std::shared_ptr<DeviceMemory> Storage::allocate_on_device(size_t length, napi_typedarray_type type) const {
  return std::make_shared<DeviceMemory>(context_.api(), context_.device(), type, length);
}

uint8_t* Storage::allocate(size_t bytes) {
  // One byte at least, so that an empty array is not mistaken for an absent one.
  allocations_.push_back(std::unique_ptr<uint8_t[]>(new uint8_t[bytes + 1]));
  return allocations_.back().get();
}

uint8_t* Storage::copy(const uint8_t* data, size_t bytes) {
  uint8_t* target = allocate(bytes);
  if (bytes > 0) std::memcpy(target, data, bytes);
  return target;
}

bool Storage::is_in_place(const ArrayView& output, size_t bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(output.data);
  bool in_place = false;
  for (const Input& input : inputs_) {
    const auto input_begin = reinterpret_cast<uintptr_t>(input.begin);
    if (bytes == 0 || input.bytes == 0) continue;
    if (begin >= input_begin + input.bytes || input_begin >= begin + bytes) continue;
    // Whether the layouts agree too is for the library to say.
    in_place = begin == input_begin && std::strcmp(input.argument, "logits") == 0;
    if (in_place) continue;
    throw Failure{LPREG_ERR_ALIAS, output.argument, std::string("shares memory with ") + input.argument};
  }
  return in_place;
}

}  // namespace lpreg_addon
