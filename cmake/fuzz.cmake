# Fuzzers, with clang's libFuzzer. The sanitizers come from LPREG_SANITIZE.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "LPREG_FUZZ needs clang: -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang")
endif()
target_compile_options(lpreg_options INTERFACE -fsanitize=fuzzer-no-link)

foreach(name c_abi_fuzz safetensors_fuzz)
  add_executable(${name} "${PROJECT_SOURCE_DIR}/native/tests/fuzz/${name}.cpp")
  target_link_libraries(${name} PRIVATE lpreg_objects lpreg_without_device)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
target_sources(c_abi_fuzz PRIVATE "${PROJECT_SOURCE_DIR}/native/tests/fuzz/fuzzed_batch.cpp")
target_sources(safetensors_fuzz PRIVATE ${case_sources})
