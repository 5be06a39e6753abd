# The CUDA back end, objects of liblpreg.so; to be included before any target that links them. LPREG_CUDA: AUTO (if nvcc
# is there), ON (or fail), OFF: the default until the kernels have been verified on a GPU.
set(cuda_default OFF)
if(DEFINED ENV{LPREG_CUDA})
  set(cuda_default "$ENV{LPREG_CUDA}")
endif()
set(LPREG_CUDA "${cuda_default}" CACHE STRING "CUDA back end: AUTO, ON or OFF")
set_property(CACHE LPREG_CUDA PROPERTY STRINGS AUTO ON OFF)

file(GLOB cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cuda/*.cu")
set(cuda_absence "")
if(NOT LPREG_CUDA)
  set(cuda_absence "LPREG_CUDA is ${LPREG_CUDA}; ON builds the kernels, which no GPU has verified yet")
elseif(NOT cuda_sources)
  set(cuda_absence "this version has no CUDA sources")
else()
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(cuda_absence "no nvcc was found; put it on PATH or set CUDACXX")
  endif()
endif()

if(cuda_absence)
  if(LPREG_CUDA AND NOT LPREG_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "lp-reg: LPREG_CUDA=${LPREG_CUDA}, but ${cuda_absence}")
  endif()
  if(NOT cuda_absence STREQUAL LPREG_ANNOUNCED)
    message(STATUS "lp-reg: building for the CPU only (${cuda_absence})")
  endif()
  set(LPREG_ANNOUNCED "${cuda_absence}" CACHE INTERNAL "Said once per build directory")
  return()
endif()

# Never "native": generating for it fails on a machine without a GPU.
if(NOT CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
  set(CMAKE_CUDA_ARCHITECTURES 80 90)
endif()
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
message(STATUS "lp-reg: building for the CPU and CUDA (${CMAKE_CUDA_COMPILER_VERSION})")

# Kernels with their launchers, and the engine over them.
file(GLOB cuda_host_sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/native/cuda/*.cpp" "${PROJECT_SOURCE_DIR}/native/engine/device/*.cpp")
add_library(lpreg_cuda OBJECT ${cuda_sources} ${cuda_host_sources})
target_include_directories(lpreg_cuda PRIVATE
  "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
target_include_directories(lpreg_cuda SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
target_link_libraries(lpreg_cuda PUBLIC lpreg_options)
target_compile_options(lpreg_cuda PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:--compress-mode=size>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-warn-spills,-warn-lmem-usage>")
if(LPREG_WERROR)
  target_compile_options(lpreg_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()
