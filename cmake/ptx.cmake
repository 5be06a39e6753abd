# nvcc's PTX of every kernel, translated to C++ and executed by the emulation in place of the kernels' source.
# Included by emulation.cmake; LPREG_PTX lists the virtual architectures, such as "75;90".
set(LPREG_PTX "" CACHE STRING "Virtual architectures whose PTX the tests execute on the CPU; needs nvcc and python3")
if(NOT LPREG_PTX)
  return()
endif()
# Each register of a translated kernel is a variable, and not optimised: frames of several hundred kilobytes.
target_compile_definitions(lpreg_emulation PRIVATE LPREG_EMULATION_STACK_BYTES=4194304)
find_program(ptx_nvcc nvcc HINTS ENV CUDA_HOME PATH_SUFFIXES bin REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(translator "${PROJECT_SOURCE_DIR}/scripts/cuda/ptx-to-cpp.py")
file(GLOB kernel_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cuda/*" "${PROJECT_SOURCE_DIR}/native/core/*")

function(add_ptx_programs architecture)
  set(folder "${PROJECT_BINARY_DIR}/ptx-${architecture}")
  file(MAKE_DIRECTORY "${folder}")
  set(translations "")
  foreach(kernel IN LISTS emulated_kernels)
    get_filename_component(name "${kernel}" NAME_WE)
    add_custom_command(OUTPUT "${folder}/${name}.cpp"
      COMMAND ${ptx_nvcc} -std=c++17 -ptx -arch=compute_${architecture} -I "${PROJECT_SOURCE_DIR}/native"
        -I "${PROJECT_SOURCE_DIR}/native/include" "${kernel}" -o "${folder}/${name}.ptx"
      COMMAND Python3::Interpreter "${translator}" "${folder}/${name}.ptx" "${folder}/${name}.cpp"
      DEPENDS "${kernel}" ${kernel_headers} "${translator}"
      VERBATIM)
    list(APPEND translations "${folder}/${name}.cpp")
  endforeach()
  # Not optimised: a row kernel is a hundred thousand statements, and runs once per row.
  set_source_files_properties(${translations} PROPERTIES COMPILE_OPTIONS "-w;-O0")
  add_library(lpreg_ptx_${architecture} OBJECT ${translations})
  target_link_libraries(lpreg_ptx_${architecture} PUBLIC lpreg_emulation)
  set_target_properties(lpreg_ptx_${architecture} PROPERTIES CXX_EXTENSIONS ON)
  add_golden_programs(_ptx_${architecture} "${emulated_library};lpreg_ptx_${architecture}" 1)
  # Apart from the device's tests, of which each architecture is as long again.
  add_custom_target(ptx-${architecture}-tests
    DEPENDS lpreg_golden_ptx_${architecture} lpreg_parity_ptx_${architecture})
  add_emulated_golden_test(ptx-${architecture} "" lpreg_golden_ptx_${architecture} 200000 ${ARGN})
  set_tests_properties(golden.emulated.ptx-${architecture} PROPERTIES LABELS ptx-${architecture})
  add_test(NAME parity.ptx-${architecture} COMMAND lpreg_parity_ptx_${architecture} 1 300)
  set_tests_properties(parity.ptx-${architecture} PROPERTIES LABELS "ptx-${architecture};long" TIMEOUT 600
    ENVIRONMENT "LPREG_EMULATION=${strict},${ARGN}")
endfunction()

foreach(architecture IN LISTS LPREG_PTX)
  if(architecture LESS 90)
    add_ptx_programs(${architecture} device=t4)
  else()
    add_ptx_programs(${architecture} lazy=1)
  endif()
endforeach()
