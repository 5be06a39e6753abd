# One program and one CTest entry per native/tests/*_test.{c,cpp}. A C++ test sees the library's internals; a C test
# sees liblpreg.so alone, as a foreign program would.
enable_testing()
enable_language(C)
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
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endforeach()

# The plan of the CUDA launches needs neither nvcc nor a device.
target_sources(launch_plan_test PRIVATE "${PROJECT_SOURCE_DIR}/native/cuda/plan.cpp")
