// cuda/device_api.h on the emulated device.
#include "../cuda/device_api.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "capture.h"
#include "config.h"
#include "device_memory.h"
#include "faults.h"
#include "host_resources.h"
#include "launch.h"

namespace lpreg::cuda {
namespace {

using emulation::config;
using emulation::refusal;

constexpr int kErrorIllegalAddress = 700;

// Of a call that must not happen while a stream is captured.
int refusal_of_waiting(const char* call) {
  const int error = emulation::refuse_in_capture(call);
  return error != 0 ? error : refusal(call);
}

// The error of a call that first waits for all that is queued.
int after_earlier_work(const char* call) {
  const int error = refusal(call);
  const int earlier = emulation::run_queued();
  return error != 0 ? error : earlier;
}

}  // namespace

Availability availability() {
  constexpr int kVersion = 13000;
  constexpr int kOldVersion = 12020;
  Availability found;
  found.absence = config().device.absence;
  found.runtime_version = kVersion;
  if (found.absence != Absence::kNoDriver) {
    found.driver_version = found.absence == Absence::kOldDriver ? kOldVersion : kVersion;
  }
  found.devices = found.absence == Absence::kNone ? config().devices : 0;
  found.architectures = std::to_string(config().device.compute_capability);
  return found;
}

int describe_device(int device, DeviceDescription* description) {
  if (const int error = refusal("describe_device")) return error;
  if (device < 0 || device >= config().devices) return emulation::kErrorInvalidDevice;
  const emulation::Device& emulated = config().device;
  *description = {};
  std::snprintf(description->name, sizeof description->name, "emulated device");
  description->memory_bytes = static_cast<int64_t>(emulated.memory_bytes);
  description->compute_capability = emulated.compute_capability;
  description->multiprocessors = emulated.multiprocessors;
  return 0;
}

int current_device(int* device) {
  *device = emulation::current_device;
  return refusal("current_device");
}

int set_device(int device) {
  if (const int error = refusal("set_device")) return error;
  if (device < 0 || device >= config().devices) return emulation::kErrorInvalidDevice;
  emulation::current_device = device;
  return 0;
}

int device_facts(int, DeviceFacts* facts) {
  const emulation::Device& device = config().device;
  facts->compute_capability = device.compute_capability;
  facts->multiprocessors = device.multiprocessors;
  facts->shared_per_block = static_cast<int64_t>(device.shared_per_block);
  facts->l2_bytes = static_cast<int64_t>(device.l2_bytes);
  facts->forced_threads = config().threads;
  facts->forced_cluster = config().cluster;
  return refusal("device_facts");
}

int allocate(void** memory, size_t bytes) {
  *memory = nullptr;
  if (const int error = refusal_of_waiting("allocate")) return error;
  *memory = emulation::allocate_device(bytes);
  return *memory == nullptr && bytes > 0 ? emulation::kErrorMemoryAllocation : 0;
}

// The memory is given back even where this or earlier work fails.
int release(void* memory) {
  if (const int error = emulation::refuse_in_capture("release")) return error;
  const int error = after_earlier_work("release");
  if (memory != nullptr && !emulation::free_device(memory)) return emulation::kErrorInvalidValue;
  return error;
}

int device_of_pointer(const void* pointer, int* device) {
  *device = emulation::device_of_memory(pointer);
  return refusal("device_of_pointer");
}

int allocate_pinned(void** memory, size_t bytes) {
  *memory = nullptr;
  if (const int error = refusal("allocate_pinned")) return error;
  *memory = emulation::allocate_pinned(bytes);
  return *memory == nullptr ? emulation::kErrorMemoryAllocation : 0;
}

int release_pinned(void* memory) {
  const int error = after_earlier_work("release_pinned");
  return memory == nullptr || emulation::free_pinned(memory) ? error : emulation::kErrorInvalidValue;
}

int create_stream(void** stream) {
  *stream = nullptr;
  if (const int error = refusal_of_waiting("create_stream")) return error;
  *stream = emulation::new_stream(emulation::current_device);
  return 0;
}

int destroy_stream(void* stream) {
  if (const int error = emulation::refuse_in_capture("destroy_stream")) return error;
  const int error = after_earlier_work("destroy_stream");
  return emulation::end_stream(stream) ? error : emulation::kErrorInvalidValue;
}

int set_zero(void* memory, size_t bytes, void* stream) {
  if (const int error = refusal("set_zero")) return error;
  return emulation::enqueue(stream, [memory, bytes] {
    const emulation::DeviceAccess access;
    std::memset(memory, 0, bytes);
  });
}

// The copy is complete when the call returns, unless the memory is pinned.
int copy_to_host(void* host, const void* device, size_t bytes, void* stream) {
  if (const int error = refusal_of_waiting("copy_to_host")) return error;
  emulation::count_copy(0, bytes);
  if (emulation::is_pinned(host, bytes)) {
    return emulation::enqueue(stream, [host, device, bytes] {
      const emulation::DeviceAccess access;
      std::memcpy(host, device, bytes);
    });
  }
  if (const int error = synchronize(stream)) return error;
  const emulation::DeviceAccess access;
  std::memcpy(host, device, bytes);
  return 0;
}

// The source may change when the call returns, unless it is pinned; the copy may not have happened yet.
int copy_to_device(void* device, const void* host, size_t bytes, void* stream) {
  if (const int error = refusal_of_waiting("copy_to_device")) return error;
  emulation::count_copy(bytes, 0);
  if (emulation::is_pinned(host, bytes)) {
    return emulation::enqueue(stream, [host, device, bytes] {
      const emulation::DeviceAccess access;
      std::memcpy(device, host, bytes);
    });
  }
  const auto* begin = static_cast<const char*>(host);
  return emulation::enqueue(stream, [device, staged = std::vector<char>(begin, begin + bytes)] {
    const emulation::DeviceAccess access;
    std::memcpy(device, staged.data(), staged.size());
  });
}

int synchronize(void*) {
  if (const int error = refusal_of_waiting("synchronize")) return error;
  return emulation::run_queued();
}

const char* error_text(int code) {
  switch (code) {
    case emulation::kErrorMemoryAllocation:
      return "out of memory";
    case emulation::kErrorInvalidConfiguration:
      return "invalid configuration argument";
    case emulation::kErrorInvalidFunction:
      return "a kernel has no PTX translation";
    case emulation::kErrorNoDevice:
      return "no CUDA-capable device is detected";
    case emulation::kErrorInvalidHandle:
      return "invalid resource handle";
    case emulation::kErrorLaunchFailure:
      return "unspecified launch failure";
    case kErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return "an error of the emulated device";
  }
}

bool is_out_of_memory(int code) { return code == emulation::kErrorMemoryAllocation; }
bool is_without_kernels(int code) { return code == 200 || code == 209; }
bool is_sticky(int code) { return code == kErrorIllegalAddress || code == emulation::kErrorLaunchFailure; }

}  // namespace lpreg::cuda
