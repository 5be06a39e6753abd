#include "device_functions.h"

#include "arguments.h"
#include "array_view.h"
#include "device_memory.h"
#include "environment.h"

namespace lpreg_addon {
namespace {

const lpreg_api& api_of(const Napi::CallbackInfo& info) { return *Environment::of(info.Env()).library.api; }

std::shared_ptr<DeviceMemory> memory_of(const Napi::CallbackInfo& info) {
  std::shared_ptr<DeviceMemory> memory = find_device_memory(info[0], "memory");
  if (memory == nullptr) throw Failure{LPREG_ERR_TYPE, "memory", "expected device memory"};
  return memory;
}

napi_typedarray_type type_of(const Napi::Value& value) {
  const int32_t type = as_int32(value, "elementType");
  if (type < 0 || type > kLastArrayType) throw Failure{LPREG_ERR_TYPE, "elementType", "unknown"};
  return static_cast<napi_typedarray_type>(type);
}

size_t length_of(const Napi::Value& value) {
  constexpr double kLargest = 1e15;  // bytes stay below 2^53
  const double length = as_number(value, "length");
  if (!(length >= 0 && length <= kLargest)) throw Failure{LPREG_ERR_SHAPE, "length", "expected a size"};
  return static_cast<size_t>(length);
}

void* address_of(const Napi::Value& value, const char* name) {
  uint64_t address = 0;
  bool lossless = false;
  const napi_status status = napi_get_value_bigint_uint64(value.Env(), value, &address, &lossless);
  if (status == napi_bigint_expected) throw Failure{LPREG_ERR_TYPE, name, "expected a bigint"};
  check_status(value.Env(), status);
  if (!lossless) throw Failure{LPREG_ERR_OPTION, name, "expected an address of 64 bits"};
  return reinterpret_cast<void*>(address);
}

// An array of the host that is no longer than the memory.
ArrayView host_array(const Napi::Value& value, const DeviceMemory& memory) {
  const ArrayView view = view_array(value, "data");
  if (view.device == nullptr && view.bytes() <= memory.bytes()) return view;
  throw Failure{LPREG_ERR_SHAPE, "data", "is longer than the device memory"};
}

}  // namespace

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  lpreg_cuda_info cuda{};
  cuda.struct_size = sizeof cuda;
  lpreg_error error = empty_error();
  throw_if_failed(api_of(info).cuda_info(&cuda, &error), error);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("reason", cuda.reason);
  object.Set("advice", cuda.advice);
  object.Set("architectures", cuda.architectures);
  object.Set("driverVersion", cuda.driver_version);
  object.Set("runtimeVersion", cuda.runtime_version);
  object.Set("deviceCount", cuda.device_count);
  return object;
}

Napi::Value device_info(const Napi::CallbackInfo& info) {
  lpreg_device_info device{};
  device.struct_size = sizeof device;
  lpreg_error error = empty_error();
  throw_if_failed(api_of(info).device_info(as_int32(info[0], "device"), &device, &error), error);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("name", device.name);
  object.Set("reason", device.reason);
  object.Set("memoryBytes", static_cast<double>(device.memory_bytes));
  object.Set("computeCapability", device.compute_capability);
  object.Set("multiprocessors", device.multiprocessors);
  return object;
}

Napi::Value device_allocate(const Napi::CallbackInfo& info) {
  return wrap(info.Env(), std::make_shared<DeviceMemory>(api_of(info), as_int32(info[0], "device"),
                                                         type_of(info[1]), length_of(info[2])));
}

Napi::Value device_wrap(const Napi::CallbackInfo& info) {
  return wrap(info.Env(),
              std::make_shared<DeviceMemory>(api_of(info), address_of(info[0], "pointer"), type_of(info[1]),
                                             length_of(info[2]), address_of(info[3], "stream")));
}

Napi::Value device_facts(const Napi::CallbackInfo& info) {
  const std::shared_ptr<DeviceMemory> memory = memory_of(info);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("device", memory->device());
  object.Set("length", static_cast<double>(memory->length()));
  object.Set("pointer", Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(memory->data())));
  return object;
}

Napi::Value device_upload(const Napi::CallbackInfo& info) {
  const std::shared_ptr<DeviceMemory> memory = memory_of(info);
  const ArrayView source = host_array(info[1], *memory);
  memory->upload(source.data, source.bytes());
  return info.Env().Undefined();
}

Napi::Value device_download(const Napi::CallbackInfo& info) {
  const std::shared_ptr<DeviceMemory> memory = memory_of(info);
  const ArrayView target = host_array(info[1], *memory);
  memory->download(target.data, target.bytes());
  return info.Env().Undefined();
}

Napi::Value device_dispose(const Napi::CallbackInfo& info) {
  std::shared_ptr<DeviceMemory>* holder = find_wrapped<DeviceMemory>(info[0]);
  if (holder == nullptr) throw Failure{LPREG_ERR_TYPE, "memory", "expected device memory"};
  holder->reset();
  return info.Env().Undefined();
}

}  // namespace lpreg_addon
