# liblpreg.so: all computing code behind one exported symbol.
file(GLOB engine_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/engine/*.cpp")
set(device_absent "${PROJECT_SOURCE_DIR}/native/engine/device_absent.cpp")
list(REMOVE_ITEM engine_sources "${device_absent}")
file(GLOB cpu_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cpu/*.cpp")
file(GLOB isa_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/native/cpu/target_*.cpp")
list(REMOVE_ITEM cpu_sources ${isa_sources})

# Instruction sets in ascending order: of an inline function that several objects carry the linker keeps the first
# copy, which must be one that every machine can run.
set(isa_order baseline avx2 avx512)
set(isa_flags_baseline "")
set(isa_flags_avx2 -mavx2 -mfma -mf16c)
set(isa_flags_avx512 ${isa_flags_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
set(isa_flags_neon "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(isa_order baseline neon)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(isa_flags_baseline $<$<CONFIG:Release>:-Os>)  # for processors from before 2013: its size counts, not its speed
else()
  set(isa_order baseline)
endif()

set(ordered_isa_sources "")
foreach(isa IN LISTS isa_order)
  set(source "${PROJECT_SOURCE_DIR}/native/cpu/target_${isa}.cpp")
  if(source IN_LIST isa_sources)
    list(APPEND ordered_isa_sources "${source}")
    set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${isa_flags_${isa}}")
  endif()
endforeach()

add_library(lpreg_objects OBJECT ${engine_sources} ${cpu_sources} ${ordered_isa_sources})
target_include_directories(lpreg_objects PUBLIC
  "${PROJECT_SOURCE_DIR}/native" "${PROJECT_SOURCE_DIR}/native/include")
# No contraction: where a fused multiply-add is meant, it is written; a compiler's own could differ between a row's body
# and its end.
target_compile_options(lpreg_objects PRIVATE -fno-math-errno -fno-trapping-math -ffp-contract=off)
target_link_libraries(lpreg_objects PUBLIC lpreg_options ${CMAKE_DL_LIBS})

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/package.json")
file(READ "${PROJECT_SOURCE_DIR}/package.json" package_json)
string(JSON package_version GET "${package_json}" version)
set_source_files_properties("${PROJECT_SOURCE_DIR}/native/engine/api.cpp" PROPERTIES
  COMPILE_DEFINITIONS "LPREG_VERSION=\"${package_version}\"")

# Whatever links lpreg_objects links one of these too: the engine over a device, or its absence.
add_library(lpreg_without_device OBJECT "${device_absent}" "${PROJECT_SOURCE_DIR}/native/cuda/availability.cpp")
target_include_directories(lpreg_without_device PRIVATE "${PROJECT_SOURCE_DIR}/native")
target_link_libraries(lpreg_without_device PUBLIC lpreg_options)

add_library(lpreg SHARED)
target_link_libraries(lpreg PRIVATE lpreg_objects)
if(TARGET lpreg_cuda)
  target_link_libraries(lpreg PRIVATE lpreg_cuda)
else()
  target_link_libraries(lpreg PRIVATE lpreg_without_device)
endif()
target_include_directories(lpreg INTERFACE "${PROJECT_SOURCE_DIR}/native/include")
export_only(lpreg lpreg_get_api)
embed_cxx_runtime(lpreg)
if(LPREG_SANITIZE)
  target_link_options(lpreg PRIVATE -Wl,-z,nodelete)  # reports at the end of a process can name what is still loaded
elseif(NOT APPLE)
  # The sanitizers' own symbols are found in the executable only; Apple's linker refuses undefined ones by itself.
  target_link_options(lpreg PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(lpreg PROPERTIES
  LINKER_LANGUAGE CXX
  SUFFIX ".so"  # the name that the addon looks for, whatever the platform's custom
  LIBRARY_OUTPUT_DIRECTORY "${LPREG_OUTPUT_DIRECTORY}")
