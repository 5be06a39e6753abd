#include "../device_runtime.h"

#include "../../cuda/probe.h"
#include "../cuda_support.h"
#include "device_guard.h"

namespace lpreg {
namespace {

class CudaRuntime : public DeviceRuntime {
 public:
  void describe(int device, lpreg_device_info* info) override {
    require_device(device);
    cuda::DeviceDescription found{};
    check_device(cuda::describe_device(device, &found));
    copy_text(info->name, sizeof info->name, found.name);
    copy_text(info->reason, sizeof info->reason, reason_against(found).c_str());
    info->memory_bytes = found.memory_bytes;
    info->compute_capability = found.compute_capability;
    info->multiprocessors = found.multiprocessors;
  }

  int device_of(const void* pointer) override {
    int device = -1;
    if (pointer != nullptr) check_device(cuda::device_of_pointer(pointer, &device));
    if (device < 0) throw Failure{LPREG_ERR_OPTION, "pointer", -1, "is not memory of a CUDA device"};
    return device;
  }

  void* allocate(int device, size_t bytes) override {
    if (bytes == 0) throw Failure{LPREG_ERR_SHAPE, "bytes", -1, "must be greater than 0"};
    const DeviceGuard guard = on(device);
    void* memory = nullptr;
    check_device(cuda::allocate(&memory, bytes));
    return memory;
  }

  void release(int device, void* memory) override {
    const DeviceGuard guard = on(device);
    check_device(cuda::release(memory));
  }

  void upload(int device, void* target, const void* host, size_t bytes, void* stream) override {
    const DeviceGuard guard = on(device);
    check_device(cuda::copy_to_device(target, host, bytes, stream));
  }

  void download(int device, void* host, const void* source, size_t bytes, void* stream) override {
    const DeviceGuard guard = on(device);
    check_device(cuda::copy_to_host(host, source, bytes, stream));
  }

  void clear(int device, void* target, size_t bytes, void* stream) override {
    const DeviceGuard guard = on(device);
    check_device(cuda::set_zero(target, bytes, stream));
  }

  void synchronize(int device, void* stream) override {
    const DeviceGuard guard = on(device);
    check_device(cuda::synchronize(stream));
  }

  void* create_stream(int device) override {
    const DeviceGuard guard = on(device);
    void* stream = nullptr;
    check_device(cuda::create_stream(&stream));
    return stream;
  }

  void destroy_stream(int device, void* stream) override {
    if (stream == nullptr) return;
    const DeviceGuard guard = on(device);
    check_device(cuda::destroy_stream(stream));
  }

 private:
  static DeviceGuard on(int device) {
    require_device(device);
    return DeviceGuard(device);
  }

  static std::string reason_against(const cuda::DeviceDescription& device) {
    if (cuda::has_kernels_for(device.compute_capability)) return "";
    cuda::Availability without;
    without.absence = cuda::Absence::kNoKernels;
    without.compute_capability = device.compute_capability;
    without.architectures = cuda::kernel_architectures();
    return cuda::reason_of(without);
  }
};

}  // namespace

void require_device(int device) {
  require_cuda();
  if (device >= 0 && device < cuda_info().device_count) return;
  throw Failure{LPREG_ERR_OPTION, "device", -1, "is no device that the driver shows to this process"};
}

DeviceRuntime& device_runtime() {
  static CudaRuntime runtime;
  require_cuda();
  return runtime;
}

}  // namespace lpreg
