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
set_tests_properties(golden.cpu PROPERTIES TIMEOUT 300)
