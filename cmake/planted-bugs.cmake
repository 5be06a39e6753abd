# One CTest entry per planted bug: it passes when the named mode finds the plant, and the kernel without it is clean.
add_executable(planted_test "${PROJECT_SOURCE_DIR}/native/tests/emulation/planted_test.cpp")
target_link_libraries(planted_test PRIVATE ${emulated_library})
target_compile_options(planted_test PRIVATE -UNDEBUG)

function(add_planted_test name mode)
  string(REPLACE ":" "-" suffix "${mode}")
  add_test(NAME planted.${name}.${suffix} COMMAND ${run_emulated} $<TARGET_FILE:planted_test> ${name} ${mode})
  set_tests_properties(planted.${name}.${suffix} PROPERTIES LABELS emulated TIMEOUT 120 ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1")
endfunction()

# The sanitizer has to say `expected`; any other end of the program is not a catch.
function(add_sanitizer_test name expected)
  add_planted_test(${name} sanitizer)
  set_tests_properties(planted.${name}.sanitizer PROPERTIES PASS_REGULAR_EXPRESSION "${expected}")
endfunction()

# In the kernels that ship: each of their barriers left out, one at a time.
add_executable(left_out_test "${PROJECT_SOURCE_DIR}/native/tests/emulation/left_out_main.cpp"
  ${golden_sources} "${PROJECT_SOURCE_DIR}/native/tests/golden/device_tensor_memory.cpp")
target_link_libraries(left_out_test PRIVATE ${emulated_library})
target_compile_options(left_out_test PRIVATE -UNDEBUG -ffp-contract=off)
add_dependencies(emulation_tests left_out_test)
if(LPREG_EMULATION_RACES)
  add_test(NAME planted.left-out-barriers COMMAND ${run_emulated} $<TARGET_FILE:left_out_test> --races)
  set_tests_properties(planted.left-out-barriers PROPERTIES LABELS emulated TIMEOUT 1800
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1")
  foreach(name read-before-barrier reuse-before-barrier cross-block-race)
    add_planted_test(${name} sanitizer-clean)
    add_sanitizer_test(${name} "ThreadSanitizer: data race .*planted_kernels.cuh")
  endforeach()
  return()
endif()

foreach(name read-before-barrier reuse-before-barrier unwritten-shared dropped-tail unguarded-merge)
  add_planted_test(${name} values)
endforeach()
add_planted_test(unordered-sum bits)
add_planted_test(divergent-barrier report:barrier-divergence)
add_planted_test(absent-lane report:deadlock)
add_planted_test(read-before-cluster-sync report:cluster-barrier-missing)
add_planted_test(early-exit report:cluster-early-exit)
add_planted_test(wrong-rank report:cluster-rank)
add_planted_test(past-the-end report:out-of-bounds)
add_planted_test(misaligned report:misaligned)
add_planted_test(offset-32 report:host-memory)

if(LPREG_SANITIZE MATCHES address)
  add_sanitizer_test(past-the-end-raw "AddressSanitizer: use-after-poison .*copy_rows")
endif()
if(LPREG_SANITIZE MATCHES undefined)
  add_sanitizer_test(misaligned-raw "planted_kernels.cuh:.*misaligned address")
endif()

# A kernel without one of its barriers may do anything: a sanitizer would end the program at what the values should show.
if(NOT LPREG_SANITIZE)
  add_test(NAME planted.left-out-barriers COMMAND left_out_test)
  set_tests_properties(planted.left-out-barriers PROPERTIES LABELS emulated TIMEOUT 600)
endif()
