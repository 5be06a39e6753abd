# Programs for a machine with a GPU: golden vectors, random batches and the benchmark on the device. scripts/gpu/check
# runs them; ctest does not, since a build machine need not have a device.
# `clock`: the file of bench/gpu that knows the device's time.
function(add_gpu_bench target clock library)
  set(folder "${PROJECT_SOURCE_DIR}/bench/gpu")
  add_executable(${target} "${folder}/bench_main.cpp" "${folder}/arguments.cpp" "${folder}/device_batch.cpp"
    "${folder}/errors.cpp" "${folder}/${clock}")
  target_link_libraries(${target} PRIVATE ${library})
endfunction()

if(NOT TARGET lpreg_cuda)
  return()
endif()
set(cuda_library lpreg_objects lpreg_cuda)
add_golden_programs(_cuda "${cuda_library}" 1)
add_gpu_bench(lpreg_bench_cuda device_clock_cuda.cpp "${cuda_library}")
target_include_directories(lpreg_bench_cuda SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
set_target_properties(lpreg_golden_cuda lpreg_eval_cuda lpreg_parity_cuda lpreg_staging_cuda lpreg_bench_cuda PROPERTIES LINKER_LANGUAGE CXX)
