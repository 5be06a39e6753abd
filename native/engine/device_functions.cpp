#include "device_functions.h"

#include "cuda_support.h"
#include "device_runtime.h"
#include "failure.h"

namespace lpreg {
namespace {

template <class T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) throw Failure{LPREG_ERR_MISSING, name, -1, "must not be NULL"};
  return *pointer;
}

void check_copy(const void* target, const char* target_name, const void* source, const char* source_name,
                size_t bytes) {
  if (bytes == 0) return;
  if (target == nullptr) throw Failure{LPREG_ERR_MISSING, target_name, -1, "must not be NULL"};
  if (source == nullptr) throw Failure{LPREG_ERR_MISSING, source_name, -1, "must not be NULL"};
}

}  // namespace

lpreg_status api_cuda_info(lpreg_cuda_info* info, lpreg_error* error) {
  return guard(error, [&] {
    check_struct(info, "info");
    *info = cuda_info();
  });
}

lpreg_status api_device_info(int32_t device, lpreg_device_info* info, lpreg_error* error) {
  return guard(error, [&] {
    check_struct(info, "info");
    device_runtime().describe(device, info);
  });
}

lpreg_status api_device_of_pointer(const void* pointer, int32_t* device, lpreg_error* error) {
  return guard(error, [&] { required(device, "device") = device_runtime().device_of(pointer); });
}

lpreg_status api_device_allocate(int32_t device, size_t bytes, void** memory, lpreg_error* error) {
  return guard(error, [&] {
    required(memory, "memory") = nullptr;
    *memory = device_runtime().allocate(device, bytes);
  });
}

lpreg_status api_device_release(int32_t device, void* memory, lpreg_error* error) {
  return guard(error, [&] { device_runtime().release(device, memory); });
}

lpreg_status api_device_upload(int32_t device, void* target, const void* host, size_t bytes, void* stream,
                               int32_t wait, lpreg_error* error) {
  return guard(error, [&] {
    DeviceRuntime& runtime = device_runtime();
    check_copy(target, "target", host, "host", bytes);
    runtime.upload(device, target, host, bytes, stream);
    if (wait != 0) runtime.synchronize(device, stream);
  });
}

lpreg_status api_device_download(int32_t device, void* host, const void* source, size_t bytes, void* stream,
                                 int32_t wait, lpreg_error* error) {
  return guard(error, [&] {
    DeviceRuntime& runtime = device_runtime();
    check_copy(host, "host", source, "source", bytes);
    runtime.download(device, host, source, bytes, stream);
    if (wait != 0) runtime.synchronize(device, stream);
  });
}

lpreg_status api_device_clear(int32_t device, void* target, size_t bytes, void* stream, lpreg_error* error) {
  return guard(error, [&] {
    DeviceRuntime& runtime = device_runtime();
    check_copy(target, "target", target, "target", bytes);
    runtime.clear(device, target, bytes, stream);
  });
}

lpreg_status api_device_synchronize(int32_t device, void* stream, lpreg_error* error) {
  return guard(error, [&] { device_runtime().synchronize(device, stream); });
}

lpreg_status api_stream_create(int32_t device, void** stream, lpreg_error* error) {
  return guard(error, [&] {
    required(stream, "stream") = nullptr;
    *stream = device_runtime().create_stream(device);
  });
}

lpreg_status api_stream_destroy(int32_t device, void* stream, lpreg_error* error) {
  return guard(error, [&] { device_runtime().destroy_stream(device, stream); });
}

}  // namespace lpreg
