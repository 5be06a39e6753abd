# The CUDA back end on the host: the same .cu files compiled as C++ against native/emulation. Tests only.
# LPREG_EMULATION_RACES makes TSan a race detector between emulated threads: it instruments the kernels and nothing else.
option(LPREG_EMULATION_RACES "Build the emulated kernels, and only them, with the thread sanitizer" OFF)

file(GLOB emulation_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/emulation/*.cpp")
add_library(lpreg_emulation OBJECT ${emulation_sources})
target_include_directories(lpreg_emulation PUBLIC
  "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
target_compile_definitions(lpreg_emulation PUBLIC LPREG_EMULATION)
target_link_libraries(lpreg_emulation PUBLIC lpreg_options)

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

include(cmake/planted-bugs.cmake)
