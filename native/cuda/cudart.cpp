// device_api.h over the CUDA runtime, which is linked in statically and looks for the driver only when it is
// first asked for a device.
#include <cuda_runtime_api.h>

#include <cstdio>

#include "device_api.h"
#include "probe.h"

namespace lpreg::cuda {
namespace {

// Of cudaError_t, in the headers of newer toolkits only.
constexpr int kErrorContained = 226, kErrorTensorMemoryLeak = 721;

int attribute(cudaDeviceAttr name, int device, int* value) {
  return static_cast<int>(cudaDeviceGetAttribute(value, name, device));
}

Absence absence_of(cudaError_t code, int driver_version) {
  switch (code) {
    case cudaErrorInsufficientDriver:
      return driver_version == 0 ? Absence::kNoDriver : Absence::kOldDriver;
    case cudaErrorNoDevice:
      return Absence::kNoDevice;
    default:
      return Absence::kFailed;
  }
}

int capability_of(int device, int* capability) {
  int major = 0;
  int minor = 0;
  int code = attribute(cudaDevAttrComputeCapabilityMajor, device, &major);
  if (code == 0) code = attribute(cudaDevAttrComputeCapabilityMinor, device, &minor);
  *capability = 10 * major + minor;
  return code;
}

// Of the first device when the library has kernels for none.
int unsupported_capability(int devices) {
  int first = 0;
  for (int device = devices - 1; device >= 0; --device) {
    if (capability_of(device, &first) == 0 && has_kernels_for(first)) return 0;
  }
  return first;
}

}  // namespace

Availability availability() {
  Availability found;
  found.runtime_version = CUDART_VERSION;
  found.architectures = kernel_architectures();
  cudaDriverGetVersion(&found.driver_version);
  const cudaError_t counted = cudaGetDeviceCount(&found.devices);
  if (counted != cudaSuccess) {
    found.devices = 0;
    found.absence = absence_of(counted, found.driver_version);
    found.detail = cudaGetErrorString(counted);
  } else if (found.devices == 0) {
    found.absence = Absence::kNoDevice;
  } else if ((found.compute_capability = unsupported_capability(found.devices)) != 0) {
    found.absence = Absence::kNoKernels;
  }
  cudaGetLastError();  // what the search met is told by the reason, not by the caller's next call
  return found;
}

int describe_device(int device, DeviceDescription* description) {
  cudaDeviceProp properties;
  const cudaError_t code = cudaGetDeviceProperties(&properties, device);
  if (code != cudaSuccess) return static_cast<int>(code);
  *description = {};
  snprintf(description->name, sizeof description->name, "%s", properties.name);
  description->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  description->compute_capability = 10 * properties.major + properties.minor;
  description->multiprocessors = properties.multiProcessorCount;
  return 0;
}

int current_device(int* device) { return static_cast<int>(cudaGetDevice(device)); }

int set_device(int device) { return static_cast<int>(cudaSetDevice(device)); }

int device_facts(int device, DeviceFacts* facts) {
  *facts = {};
  int shared = 0;
  int l2 = 0;
  int code = capability_of(device, &facts->compute_capability);
  if (code == 0) code = attribute(cudaDevAttrMultiProcessorCount, device, &facts->multiprocessors);
  if (code == 0) code = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device, &shared);
  if (code == 0) code = attribute(cudaDevAttrL2CacheSize, device, &l2);
  facts->shared_per_block = shared;
  facts->l2_bytes = l2;
  return code;
}

int allocate(void** memory, size_t bytes) { return static_cast<int>(cudaMalloc(memory, bytes)); }

int release(void* memory) { return static_cast<int>(cudaFree(memory)); }

int device_of_pointer(const void* pointer, int* device) {
  cudaPointerAttributes attributes{};
  const cudaError_t code = cudaPointerGetAttributes(&attributes, pointer);
  const bool on_device = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  *device = code == cudaSuccess && on_device ? attributes.device : -1;
  return static_cast<int>(code);
}

int allocate_pinned(void** memory, size_t bytes) {
  return static_cast<int>(cudaHostAlloc(memory, bytes, cudaHostAllocDefault));
}

int release_pinned(void* memory) { return static_cast<int>(cudaFreeHost(memory)); }

int create_stream(void** stream) {
  return static_cast<int>(
      cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(stream), cudaStreamNonBlocking));
}

int destroy_stream(void* stream) {
  return static_cast<int>(cudaStreamDestroy(static_cast<cudaStream_t>(stream)));
}

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

const char* error_text(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

bool is_out_of_memory(int code) { return code == cudaErrorMemoryAllocation; }

bool is_without_kernels(int code) {
  switch (code) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidKernelImage:
    // PTX that would have to be compiled by the driver, and cannot be.
    case cudaErrorInvalidPtx:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorJitCompilationDisabled:
      return true;
    default:
      return false;
  }
}

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
    case cudaErrorNvlinkUncorrectable:
    case kErrorContained:
    case kErrorTensorMemoryLeak:
      return true;
    default:
      return false;
  }
}

}  // namespace lpreg::cuda
