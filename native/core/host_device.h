// Marks functions that both back ends compile: plain C++ for the CPU, __host__ __device__ under nvcc.
#pragma once

#if defined(__CUDACC__)
#define LPREG_HD __host__ __device__ __forceinline__
#else
#define LPREG_HD inline
#endif
