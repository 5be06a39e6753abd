#include <cuda_runtime_api.h>

#include "device_clock.h"

namespace lpreg::bench {
namespace {

void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) fail(what, cudaGetErrorString(error));
}

cudaEvent_t event(void* stored) { return static_cast<cudaEvent_t>(stored); }

}  // namespace

DeviceClock::DeviceClock() {
  check(cudaEventCreate(reinterpret_cast<cudaEvent_t*>(&begin_)), "cudaEventCreate");
  check(cudaEventCreate(reinterpret_cast<cudaEvent_t*>(&end_)), "cudaEventCreate");
}

DeviceClock::~DeviceClock() {
  cudaEventDestroy(event(begin_));
  cudaEventDestroy(event(end_));
}

void DeviceClock::begin() { check(cudaEventRecord(event(begin_), nullptr), "cudaEventRecord"); }

double DeviceClock::milliseconds() {
  float elapsed = 0;
  check(cudaEventRecord(event(end_), nullptr), "cudaEventRecord");
  check(cudaEventSynchronize(event(end_)), "cudaEventSynchronize");
  check(cudaEventElapsedTime(&elapsed, event(begin_), event(end_)), "cudaEventElapsedTime");
  return static_cast<double>(elapsed);
}

void copy_on_device(void* target, const void* source, size_t bytes) {
  check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, nullptr), "cudaMemcpyAsync");
}

size_t free_device_memory() {
  size_t free_bytes = 0;
  size_t total = 0;
  check(cudaMemGetInfo(&free_bytes, &total), "cudaMemGetInfo");
  return free_bytes;
}

}  // namespace lpreg::bench
