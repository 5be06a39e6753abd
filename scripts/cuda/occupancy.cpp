// occupancy MAJOR MINOR: reads lines "THREADS REGISTERS SHARED", writes blocks and warps per multiprocessor
// that NVIDIA's own cuda_occupancy.h gives for them. Needs no device: the limits of each architecture stand
// below.
#include <cuda_occupancy.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Limits {
  int compute_capability, threads;
  size_t shared, shared_optin, reserved;
};

// Threads and bytes of shared memory per multiprocessor, bytes per block, bytes that the system keeps per
// block.
constexpr Limits kLimits[] = {
    {75, 1024, 65536, 65536, 0},       {80, 2048, 167936, 166912, 1024},  {86, 1536, 102400, 101376, 1024},
    {89, 1536, 102400, 101376, 1024},  {90, 2048, 233472, 232448, 1024},  {100, 2048, 233472, 232448, 1024},
    {103, 2048, 233472, 232448, 1024}, {120, 1536, 102400, 101376, 1024},
};

cudaOccDeviceProp properties(const Limits& limits) {
  cudaOccDeviceProp p{};
  p.computeMajor = limits.compute_capability / 10;
  p.computeMinor = limits.compute_capability % 10;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiprocessor = limits.threads;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.sharedMemPerBlock = 49152;
  p.sharedMemPerMultiprocessor = limits.shared;
  p.sharedMemPerBlockOptin = limits.shared_optin;
  p.reservedSharedMemPerBlock = limits.reserved;
  p.numSms = 1;
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  const int wanted = argc == 2 ? std::atoi(argv[1]) : 0;
  for (const Limits& limits : kLimits) {
    if (limits.compute_capability != wanted) continue;
    const cudaOccDeviceProp device = properties(limits);
    const cudaOccDeviceState state{};
    int threads = 0, registers = 0;
    size_t shared = 0;
    while (std::scanf("%d %d %zu", &threads, &registers, &shared) == 3) {
      cudaOccFuncAttributes kernel{};
      kernel.maxThreadsPerBlock = threads;
      kernel.numRegs = registers;
      kernel.sharedSizeBytes = shared;
      kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
      kernel.maxDynamicSharedSizeBytes = limits.shared_optin;
      kernel.numBlockBarriers = 1;
      cudaOccResult result{};
      if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, 0) != 0)
        return 1;
      std::printf("%d\n", result.activeBlocksPerMultiprocessor * threads * 100 / limits.threads);
    }
    return 0;
  }
  std::fprintf(stderr, "usage: occupancy 75|80|86|89|90|100|103|120 < THREADS REGISTERS SHARED\n");
  return 2;
}
