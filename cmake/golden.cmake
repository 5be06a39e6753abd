# Golden vectors through the C ABI: one program that checks all of them, one that evaluates any batch file.
set(golden_sources batch_case.cpp comparison.cpp evaluation.cpp golden_rule.cpp host_tensor_memory.cpp json.cpp random_case.cpp
  safetensors.cpp
  sharded_evaluation.cpp)
list(TRANSFORM golden_sources PREPEND "${PROJECT_SOURCE_DIR}/native/tests/golden/")

# `library`: objects that hold lpreg_get_api; `device`: 1 when they can run on a device (an emulated one included).
function(add_golden_programs suffix library device)
  set(sources ${golden_sources})
  if(device)
    list(APPEND sources "${PROJECT_SOURCE_DIR}/native/tests/golden/device_tensor_memory.cpp")
  endif()
  set(programs golden eval)
  if(device)
    list(APPEND programs parity staging)
  endif()
  foreach(stem IN LISTS programs)
    set(target lpreg_${stem}${suffix})
    add_executable(${target} "${PROJECT_SOURCE_DIR}/native/tests/golden/${stem}_main.cpp" ${sources})
    target_link_libraries(${target} PRIVATE ${library})
    target_compile_definitions(${target} PRIVATE LPREG_GOLDEN_DEVICE=${device})
    target_compile_options(${target} PRIVATE -UNDEBUG -ffp-contract=off)
  endforeach()
endfunction()

add_golden_programs("" "lpreg_objects;lpreg_without_device" 0)
add_test(NAME golden.cpu COMMAND lpreg_golden "${PROJECT_SOURCE_DIR}/test/vectors")
set_tests_properties(golden.cpu PROPERTIES TIMEOUT ${test_timeout})

# The bits of their results, as recorded.
set(checksums "${PROJECT_SOURCE_DIR}/test/vectors" "${PROJECT_SOURCE_DIR}/native/tests/golden/checksums.txt")
add_executable(lpreg_checksums "${PROJECT_SOURCE_DIR}/native/tests/golden/checksums_main.cpp" ${golden_sources})
target_link_libraries(lpreg_checksums PRIVATE lpreg_objects lpreg_without_device)
target_compile_options(lpreg_checksums PRIVATE -UNDEBUG -ffp-contract=off)
add_test(NAME checksums COMMAND lpreg_checksums ${checksums})
set_tests_properties(checksums PROPERTIES TIMEOUT ${test_timeout})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_CROSSCOMPILING AND NOT LPREG_SANITIZE)
  add_library(perturbed_libm MODULE "${PROJECT_SOURCE_DIR}/native/tests/golden/perturbed_libm.cpp")
  # Its own calls must not become calls of itself.
  target_compile_options(perturbed_libm PRIVATE -fno-builtin)
  add_test(NAME checksums.perturbed-libm COMMAND lpreg_checksums --perturbed ${checksums})
  set_tests_properties(checksums.perturbed-libm PROPERTIES
    TIMEOUT ${test_timeout} ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:perturbed_libm>")
endif()
