# Programs for a machine with a GPU: golden vectors, random batches and the benchmark on the device. scripts/gpu/check
# runs them; ctest does not, since a build machine need not have a device.
if(NOT TARGET lpreg_cuda)
  return()
endif()
set(cuda_library lpreg_objects lpreg_cuda)
add_golden_programs(_cuda "${cuda_library}" 1)
add_executable(lpreg_bench_cuda "${PROJECT_SOURCE_DIR}/bench/gpu/bench_main.cpp")
target_link_libraries(lpreg_bench_cuda PRIVATE ${cuda_library})
target_include_directories(lpreg_bench_cuda SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
set_target_properties(lpreg_golden_cuda lpreg_eval_cuda lpreg_parity_cuda lpreg_bench_cuda PROPERTIES LINKER_LANGUAGE CXX)
