// device_api.h over the CUDA runtime, which is linked in statically and looks for the driver only when it is
// first asked for a device.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <mutex>

#include "device_api.h"
#include "probe.h"

namespace lpreg::cuda {
namespace {

int attribute(cudaDeviceAttr name, int device, int* value) {
  return static_cast<int>(cudaDeviceGetAttribute(value, name, device));
}

// Written once: the reason with the versions that it is about.
char reason_text[256];

const char* reason_of(cudaError_t code) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  switch (code) {
    case cudaSuccess:
      return nullptr;
    case cudaErrorInsufficientDriver:
      if (driver == 0) return "no NVIDIA driver is installed (libcuda.so.1 was not found)";
      snprintf(reason_text, sizeof reason_text,
               "the NVIDIA driver is too old: it offers CUDA %d.%d, and this library needs CUDA %d.%d "
               "(driver R580 or newer)",
               driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
      return reason_text;
    case cudaErrorNoDevice:
      return "the NVIDIA driver finds no device";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
      return "this library holds no kernels for the device; build it with the device's CUDAARCHS";
    default:
      snprintf(reason_text, sizeof reason_text, "CUDA does not start: %s", cudaGetErrorString(code));
      return reason_text;
  }
}

cudaError_t probe() {
  int devices = 0;
  const cudaError_t counted = cudaGetDeviceCount(&devices);
  if (counted != cudaSuccess) return counted;
  return devices == 0 ? cudaErrorNoDevice : static_cast<cudaError_t>(probe_kernel_image());
}

}  // namespace

const char* unusable_reason() {
  static std::once_flag asked;
  static const char* reason = nullptr;
  std::call_once(asked, [] {
    const cudaError_t code = probe();
    reason = reason_of(code);
    cudaGetLastError();  // what the probe met is told by the reason, not by the caller's next call
  });
  return reason;
}

int current_device(int* device) { return static_cast<int>(cudaGetDevice(device)); }

int set_device(int device) { return static_cast<int>(cudaSetDevice(device)); }

int device_facts(int device, DeviceFacts* facts) {
  *facts = {};
  int major = 0;
  int minor = 0;
  int shared = 0;
  int l2 = 0;
  int code = attribute(cudaDevAttrComputeCapabilityMajor, device, &major);
  if (code == 0) code = attribute(cudaDevAttrComputeCapabilityMinor, device, &minor);
  if (code == 0) code = attribute(cudaDevAttrMultiProcessorCount, device, &facts->multiprocessors);
  if (code == 0) code = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device, &shared);
  if (code == 0) code = attribute(cudaDevAttrL2CacheSize, device, &l2);
  facts->compute_capability = 10 * major + minor;
  facts->shared_per_block = shared;
  facts->l2_bytes = l2;
  return code;
}

int allocate(void** memory, size_t bytes) { return static_cast<int>(cudaMalloc(memory, bytes)); }

void release(void* memory) { cudaFree(memory); }

int set_zero(void* memory, size_t bytes, void* stream) {
  return static_cast<int>(cudaMemsetAsync(memory, 0, bytes, static_cast<cudaStream_t>(stream)));
}

int copy_to_host(void* host, const void* device, size_t bytes, void* stream) {
  return static_cast<int>(
      cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream)));
}

int copy_to_device(void* device, const void* host, size_t bytes, void* stream) {
  return static_cast<int>(
      cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream)));
}

int synchronize(void* stream) {
  return static_cast<int>(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)));
}

const char* error_text(int code) {
  return is_sticky(code)
             ? "the device failed and is lost to this process; only a new process can use it again"
             : cudaGetErrorString(static_cast<cudaError_t>(code));
}

bool is_out_of_memory(int code) { return code == cudaErrorMemoryAllocation; }

bool is_sticky(int code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

}  // namespace lpreg::cuda
