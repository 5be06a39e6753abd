# The CUDA back end on the host: the same .cu files compiled as C++ against native/emulation. Tests only.
# LPREG_EMULATION_RACES makes TSan a race detector between emulated threads: it instruments the kernels and nothing else.
# LPREG_EMULATION_UCONTEXT takes the portable fibers where there are faster ones.
option(LPREG_EMULATION_UCONTEXT "Switch between emulated threads by ucontext" OFF)
option(LPREG_EMULATION_RACES "Build the emulated kernels, and only them, with the thread sanitizer" OFF)

file(GLOB emulation_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/emulation/*.cpp")
add_library(lpreg_emulation OBJECT ${emulation_sources})
target_include_directories(lpreg_emulation PUBLIC
  "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
target_compile_definitions(lpreg_emulation PUBLIC LPREG_EMULATION)
target_link_libraries(lpreg_emulation PUBLIC lpreg_options)
if(LPREG_EMULATION_UCONTEXT)
  target_compile_definitions(lpreg_emulation PRIVATE LPREG_EMULATION_UCONTEXT)
endif()

# What compiles kernel code links this too.
add_library(lpreg_emulated_kernel_options INTERFACE)
target_compile_options(lpreg_emulated_kernel_options INTERFACE -fno-math-errno -ffp-contract=off)
set(run_emulated "")
if(LPREG_EMULATION_RACES)
  target_compile_definitions(lpreg_emulation PRIVATE LPREG_EMULATION_TSAN)
  target_compile_options(lpreg_emulated_kernel_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(lpreg_emulated_kernel_options INTERFACE -fsanitize=thread)
  find_program(setarch setarch REQUIRED)
  set(run_emulated ${setarch} -R)  # the sanitizer's shadow memory needs fixed addresses
endif()

# The whole library on the emulated device: what ships, but for the CUDA runtime.
file(GLOB emulated_kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cuda/*.cu")
file(GLOB emulated_host CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/native/cuda/*.cpp" "${PROJECT_SOURCE_DIR}/native/engine/device/*.cpp")
list(REMOVE_ITEM emulated_host "${PROJECT_SOURCE_DIR}/native/cuda/cudart.cpp")

# CMake has no notion of one file in two languages: each .cu is included by a .cpp of the build directory.
set(emulated_kernel_sources "")
foreach(kernel IN LISTS emulated_kernels)
  get_filename_component(name "${kernel}" NAME_WE)
  set(wrapper "${PROJECT_BINARY_DIR}/emulated/${name}.cpp")
  file(CONFIGURE OUTPUT "${wrapper}" CONTENT "#include \"${kernel}\"\n" @ONLY)
  list(APPEND emulated_kernel_sources "${wrapper}")
endforeach()

add_library(lpreg_emulated_objects OBJECT ${emulated_kernel_sources} ${emulated_host})
target_link_libraries(lpreg_emulated_objects PUBLIC lpreg_emulation lpreg_options PRIVATE lpreg_emulated_kernel_options)
target_compile_options(lpreg_emulated_objects PRIVATE -Wno-unknown-pragmas)

# Objects of an object library reach only what names it directly.
set(emulated_library lpreg_objects lpreg_emulated_objects lpreg_emulation lpreg_emulated_kernel_options)
add_golden_programs(_emulated "${emulated_library}" 1)

# The same behind the one exported symbol: what a loader opens in place of liblpreg.so, to test `cuda` without a device.
add_library(lpreg_emulated SHARED)
target_link_libraries(lpreg_emulated PRIVATE ${emulated_library})
export_only(lpreg_emulated lpreg_get_api)
target_link_options(lpreg_emulated PRIVATE -Wl,-z,nodelete)  # its handler of memory faults stays installed
if(NOT LPREG_SANITIZE AND NOT LPREG_EMULATION_RACES)
  target_link_options(lpreg_emulated PRIVATE -Wl,--no-undefined)
endif()

# Every test here has the label `emulated`; those with `long` besides run in .ci/full only (scripts/cuda/check-emulation).
set(strict strict=1,guard=1)
add_custom_target(emulation_tests DEPENDS lpreg_eval_emulated lpreg_golden_emulated lpreg_parity_emulated
  lpreg_staging_emulated)
include(cmake/planted-bugs.cmake)
add_dependencies(emulation_tests planted_test)
function(add_emulated_test name labels)
  add_test(NAME ${name} COMMAND ${run_emulated} ${ARGN})
  set(timeout 600)
  if(long IN_LIST labels)
    set(timeout 1800)  # fibers of 1,024 threads a block take ten minutes on a machine with other work
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "emulated;${labels}" TIMEOUT ${timeout}
    ENVIRONMENT "LPREG_EMULATION=${strict};TSAN_OPTIONS=halt_on_error=1")
endfunction()
# Golden vectors up to a vocabulary under each schedule in turn, with the same bits in all that share a launch shape.
function(add_emulated_golden_test name labels program max_vocab)
  set(schedules ${ARGN})
  list(TRANSFORM schedules PREPEND "${strict},")
  list(JOIN schedules ";--schedule;" schedules)
  add_emulated_test(golden.emulated.${name} "${labels}" $<TARGET_FILE:${program}>
    --max-vocab ${max_vocab} --schedule ${schedules} "${PROJECT_SOURCE_DIR}/test/vectors")
endfunction()

# One program and one CTest entry per native/tests/device/NAME_test.cpp.
function(add_device_test name)
  set(program device_${name}_test)
  add_executable(${program} "${PROJECT_SOURCE_DIR}/native/tests/device/${name}_test.cpp")
  target_link_libraries(${program} PRIVATE ${emulated_library})
  target_compile_options(${program} PRIVATE -UNDEBUG -ffp-contract=off)
  if(name STREQUAL "runtime_faults")
    target_sources(${program} PRIVATE ${golden_sources}
      "${PROJECT_SOURCE_DIR}/native/tests/golden/device_tensor_memory.cpp")
  endif()
  # Settings are the program's own, or its arguments.
  add_test(NAME ${name}.emulated COMMAND ${run_emulated} $<TARGET_FILE:${program}> ${ARGN})
  set_tests_properties(${name}.emulated PROPERTIES LABELS emulated TIMEOUT 1800
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1")
  add_dependencies(emulation_tests ${program})
endfunction()

if(LPREG_EMULATION_RACES)
  # The detector has slots for 256 threads: more of them at once and it misses races without a word. Starting that many
  # threads for it is slow, so one small vector stands for each path through the kernels.
  set(few_threads ${strict},threads=64 ${strict},threads=32,cluster=4,order=random)
  foreach(vector 07_ 20_ 27_ 46_)
    list(JOIN few_threads ";--schedule;" schedules)
    add_emulated_test(races.${vector} "" $<TARGET_FILE:lpreg_golden_emulated> --filter ${vector}
      --schedule ${schedules} "${PROJECT_SOURCE_DIR}/test/vectors")
  endforeach()
  add_emulated_test(parity.emulated "" $<TARGET_FILE:lpreg_parity_emulated> 1 40)
  set_tests_properties(parity.emulated PROPERTIES
    ENVIRONMENT "LPREG_EMULATION=${strict},threads=64;TSAN_OPTIONS=halt_on_error=1")
  foreach(name options shards snapshot)
    add_device_test(${name} ${few_threads})
  endforeach()
  return()
endif()

file(GLOB device_tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/tests/device/*_test.cpp")
foreach(device_test IN LISTS device_tests)
  get_filename_component(name "${device_test}" NAME_WE)
  string(REGEX REPLACE "_test$" "" name "${name}")
  # The address sanitizer would shadow rows that lie gigabytes apart.
  if(NOT (LPREG_SANITIZE AND name STREQUAL "offsets"))
    add_device_test(${name})
  endif()
endforeach()

if(LPREG_SANITIZE)
  add_emulated_golden_test(sanitized "" lpreg_golden_emulated 1100 threads=64 threads=32,cluster=4,order=random
    cluster=-1,threads=32,order=starving)
  foreach(vector 16_ 18_ 19_)
    add_emulated_test(golden.emulated.sanitized-${vector} "" $<TARGET_FILE:lpreg_golden_emulated> --filter ${vector}
      "${PROJECT_SOURCE_DIR}/test/vectors")
  endforeach()
  add_emulated_test(parity.emulated "" $<TARGET_FILE:lpreg_parity_emulated> 1 100)
  return()
endif()

add_executable(emulated_library_test "${PROJECT_SOURCE_DIR}/native/tests/emulation/library_test.cpp")
target_include_directories(emulated_library_test PRIVATE "${PROJECT_SOURCE_DIR}/native")
target_link_libraries(emulated_library_test PRIVATE lpreg_options ${CMAKE_DL_LIBS})
target_compile_options(emulated_library_test PRIVATE -UNDEBUG)
add_dependencies(emulation_tests emulated_library_test lpreg_emulated)
add_test(NAME library.emulated COMMAND emulated_library_test $<TARGET_FILE:lpreg_emulated>)
set_tests_properties(library.emulated PROPERTIES LABELS emulated)

# python/lp_reg.py with its calls for CUDA tensors, where PyTorch is there.
find_program(python_with_torch NAMES "$ENV{LPREG_PYTHON}" /usr/bin/python3 python3)
execute_process(COMMAND "${python_with_torch}" -c "import torch" RESULT_VARIABLE torch_absent OUTPUT_QUIET ERROR_QUIET)
if(torch_absent)
  message(STATUS "lp-reg: no PyTorch, so lp_reg.py is not tested on the emulated device")
else()
  add_test(NAME python.emulated COMMAND "${python_with_torch}" -m unittest discover -p "*_test.py"
    -s "${PROJECT_SOURCE_DIR}/test/python")
  set_tests_properties(python.emulated PROPERTIES LABELS "emulated;long" TIMEOUT 300
    ENVIRONMENT "LPREG_TEST_DEVICE=emulated;LPREG_LIBRARY=$<TARGET_FILE:lpreg_emulated>;PYTHONDONTWRITEBYTECODE=1")
endif()

add_gpu_bench(lpreg_bench_emulated device_clock_host.cpp "${emulated_library}")
add_dependencies(emulation_tests lpreg_bench_emulated)
add_test(NAME bench.emulated COMMAND lpreg_bench_emulated --vocab 40,1003 --rows 1,9 --runs 2)
set_tests_properties(bench.emulated PROPERTIES LABELS emulated TIMEOUT 300)

add_emulated_test(parity.emulated "" $<TARGET_FILE:lpreg_parity_emulated> 1 300)
add_emulated_test(staging.emulated "" $<TARGET_FILE:lpreg_staging_emulated> 1 30)
add_emulated_golden_test(planned "" lpreg_golden_emulated 200000 lazy=1)
add_emulated_golden_test(turing "" lpreg_golden_emulated 40000 device=t4)
add_emulated_golden_test(orders "" lpreg_golden_emulated 1100 threads=96 threads=96,order=reverse
  threads=96,order=starving)
# What a device's own 2^x may be off by.
add_emulated_golden_test(exp2 "" lpreg_golden_emulated 100 exp2=2@1 exp2=2,device=t4)

set(seeds exp2=2 exp2=-2 exp2=2@1,device=t4)
foreach(seed RANGE 1 16)
  list(APPEND seeds "exp2=2@${seed}")
endforeach()
add_emulated_golden_test(exp2-seeds long lpreg_golden_emulated 40000 ${seeds})
add_emulated_test(parity.emulated.many long $<TARGET_FILE:lpreg_parity_emulated> 301 5000)
foreach(vocab 151936 151935)
  add_emulated_test(parity.emulated.vocab-${vocab} long $<TARGET_FILE:lpreg_parity_emulated> --vocab ${vocab} 1 40)
endforeach()
add_emulated_golden_test(repeated long lpreg_golden_emulated 200000 order=forward order=forward order=random)
add_emulated_golden_test(streaming long lpreg_golden_emulated 40000 cluster=-1,threads=32
  cluster=-1,threads=1024,order=random)
foreach(threads 32 96 256 1024)
  set(schedules "")
  foreach(order forward reverse random,seed=1 random,seed=2 random,seed=3 starving,seed=1 starving,seed=2)
    list(APPEND schedules "threads=${threads},order=${order}")
  endforeach()
  add_emulated_golden_test(threads-${threads} long lpreg_golden_emulated 5000 ${schedules})
endforeach()
foreach(cluster RANGE 1 8)
  set(schedules "")
  foreach(order forward reverse random starving)
    list(APPEND schedules "threads=32,cluster=${cluster},order=${order}")
  endforeach()
  add_emulated_golden_test(cluster-${cluster} long lpreg_golden_emulated 5000 ${schedules})
endforeach()
include(cmake/ptx.cmake)
