# The CUDA back end, objects of liblpreg.so; to be included before any target that links them. LPREG_CUDA: AUTO (where a
# new enough nvcc is), ON (or fail), OFF.
set(cuda_default AUTO)
if(DEFINED ENV{LPREG_CUDA})
  set(cuda_default "$ENV{LPREG_CUDA}")
endif()
set(LPREG_CUDA "${cuda_default}" CACHE STRING "CUDA back end: AUTO, ON or OFF")
set_property(CACHE LPREG_CUDA PROPERTY STRINGS AUTO ON OFF)
set(oldest_nvcc 12.8)  # the first that knows compute capability 12.0

file(GLOB cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cuda/*.cu")
set(cuda_absence "")
if(NOT LPREG_CUDA)
  set(cuda_absence "LPREG_CUDA is ${LPREG_CUDA}")
elseif(CMAKE_CROSSCOMPILING)
  set(cuda_absence "CUDA is not built for another machine")
else()
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(cuda_absence "no nvcc that works was found; put it on PATH or set CUDACXX")
  else()
    execute_process(COMMAND "${CMAKE_CUDA_COMPILER}" --version OUTPUT_VARIABLE nvcc_version ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" nvcc_version "${nvcc_version}")
    set(nvcc_version "${CMAKE_MATCH_1}")
    if(nvcc_version VERSION_LESS oldest_nvcc)
      set(cuda_absence "nvcc ${nvcc_version} is older than ${oldest_nvcc}")
    endif()
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

# Architectures: those that were asked for (CMAKE_CUDA_ARCHITECTURES, CUDAARCHS); with LPREG_CUDA_RELEASE all that a
# package serves; else the GPU's own; else the oldest one and one with clusters. Never "native", which fails without a GPU.
# Machine code of a package serves later minor versions too (8.0 serves 8.6 and 8.9, 12.0 serves 12.1), so that one per
# major version does. From 9.0 on it is made from the PTX of 9.0, the first architecture that has clusters: smaller, and
# within the registers of two blocks, where code from PTX of 10.0 and 12.0 is neither. The PTX itself is for later majors.
option(LPREG_CUDA_RELEASE "Build the kernels for every GPU that a package serves, later ones from PTX" OFF)

function(find_gpu_architectures result)
  set(${result} "" PARENT_SCOPE)
  find_program(LPREG_NVIDIA_SMI nvidia-smi)
  mark_as_advanced(LPREG_NVIDIA_SMI)
  if(NOT LPREG_NVIDIA_SMI)
    return()
  endif()
  execute_process(COMMAND "${LPREG_NVIDIA_SMI}" --query-gpu=compute_cap --format=csv,noheader TIMEOUT 20
    RESULT_VARIABLE failure OUTPUT_VARIABLE found ERROR_QUIET)
  if(NOT failure)
    string(REGEX MATCHALL "[0-9]+\\.[0-9]+" found "${found}")
    string(REPLACE "." "" found "${found}")
    list(TRANSFORM found APPEND -real)
    list(REMOVE_DUPLICATES found)
    set(${result} "${found}" PARENT_SCOPE)
  endif()
endfunction()

# CMake caches what it was given; a choice made here is made again with each configuration.
set(asked_for "${CMAKE_CUDA_ARCHITECTURES}$ENV{CUDAARCHS}")
if(NOT asked_for OR CMAKE_CUDA_ARCHITECTURES STREQUAL LPREG_CUDA_CHOSEN)
  if(LPREG_CUDA_RELEASE)
    set(chosen 75-real 80-real)  # and those of release_code below
  else()
    find_gpu_architectures(chosen)
    if(NOT chosen)
      set(chosen 75-real 90-real)
    endif()
  endif()
  set(CMAKE_CUDA_ARCHITECTURES "${chosen}" CACHE STRING "CUDA architectures" FORCE)
  set(LPREG_CUDA_CHOSEN "${chosen}" CACHE INTERNAL "Architectures that nobody asked for")
elseif(LPREG_CUDA_RELEASE)
  message(FATAL_ERROR "lp-reg: LPREG_CUDA_RELEASE chooses the architectures; unset CMAKE_CUDA_ARCHITECTURES and CUDAARCHS")
endif()
set(release_code "--generate-code=arch=compute_90,code=[compute_90,sm_90,sm_100,sm_120]")
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
list(JOIN CMAKE_CUDA_ARCHITECTURES ", " cuda_architectures)
if(LPREG_CUDA_RELEASE)
  set(cuda_architectures "all of a package")
endif()
message(STATUS "lp-reg: building for the CPU and CUDA ${CMAKE_CUDA_COMPILER_VERSION} (${cuda_architectures})")

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
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-warn-spills,-warn-lmem-usage>"
  "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${LPREG_CUDA_RELEASE}>>:${release_code}>")
if(LPREG_CUDA_RELEASE)
  set_source_files_properties("${PROJECT_SOURCE_DIR}/native/cuda/probe.cu" PROPERTIES
    COMPILE_DEFINITIONS LPREG_CUDA_RELEASE)
endif()
if(LPREG_WERROR)
  target_compile_options(lpreg_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>")
endif()

# A record of each kernel's resources beside its object, for scripts/cuda/check-resources.
if(BUILD_TESTING)
  find_package(Python3 QUIET COMPONENTS Interpreter)
endif()
if(DEFINED ENV{LPREG_CUDA_RECORD})
  set(record_default "$ENV{LPREG_CUDA_RECORD}")
elseif(Python3_FOUND)
  set(record_default ON)
else()
  set(record_default OFF)
endif()
option(LPREG_CUDA_RECORD "Record the resources of each kernel (needs python3)" ${record_default})
if(LPREG_CUDA_RECORD)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set_property(TARGET lpreg_cuda PROPERTY CUDA_COMPILER_LAUNCHER
    "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/scripts/cuda/record-resources.py" ${CMAKE_CUDA_COMPILER_LAUNCHER})
endif()
