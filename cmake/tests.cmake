# One program and one CTest entry per native/tests/*_test.{c,cpp}. A C++ test sees the library's internals; a C test
# sees liblpreg.so alone, as a foreign program would.
enable_testing()
enable_language(C)
set(test_timeout 300)
if(CMAKE_CROSSCOMPILING)
  set(test_timeout 3000)  # under an emulator
endif()
file(GLOB test_sources CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/native/tests/*_test.c" "${PROJECT_SOURCE_DIR}/native/tests/*_test.cpp")

foreach(test_source IN LISTS test_sources)
  get_filename_component(name "${test_source}" NAME_WE)
  get_filename_component(extension "${test_source}" LAST_EXT)
  add_executable(${name} "${test_source}")
  if(extension STREQUAL ".c")
    set_target_properties(${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
    target_link_libraries(${name} PRIVATE lpreg lpreg_options m)
  else()
    target_link_libraries(${name} PRIVATE lpreg_objects lpreg_without_device)
  endif()
  # Release builds define NDEBUG, which would empty every assert of a test.
  target_compile_options(${name} PRIVATE -UNDEBUG -ffp-contract=off)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${test_timeout} SKIP_RETURN_CODE 77)
endforeach()

# Random batches through the function table; under one program a failing allocator.
set(fault_sources failing_allocator.cpp)
list(TRANSFORM fault_sources PREPEND "${PROJECT_SOURCE_DIR}/native/tests/faults/")
set(case_sources batch_case.cpp comparison.cpp evaluation.cpp host_tensor_memory.cpp json.cpp random_case.cpp safetensors.cpp
  sharded_evaluation.cpp)
list(TRANSFORM case_sources PREPEND "${PROJECT_SOURCE_DIR}/native/tests/golden/")
target_sources(allocation_failure_test PRIVATE ${fault_sources} ${case_sources})
target_sources(output_status_test PRIVATE ${fault_sources})
target_sources(instruction_sets_test PRIVATE ${case_sources})

# The plan of the CUDA launches needs neither nvcc nor a device.
target_sources(launch_plan_test PRIVATE "${PROJECT_SOURCE_DIR}/native/cuda/plan.cpp")
