# Warnings and sanitizers of every target, as one interface library.
# Nothing here or elsewhere may pass -ffast-math: at link time it makes a shared library switch the whole process to
# flush-to-zero.
find_package(Threads REQUIRED)

add_library(lpreg_options INTERFACE)
target_link_libraries(lpreg_options INTERFACE Threads::Threads)

set(host_language "$<COMPILE_LANGUAGE:C,CXX>")
foreach(warning -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  target_compile_options(lpreg_options INTERFACE "$<${host_language}:${warning}>")
endforeach()
if(LPREG_WERROR)
  target_compile_options(lpreg_options INTERFACE "$<${host_language}:-Werror>")
endif()

if(LPREG_SANITIZE)
  string(REPLACE ";" "," sanitizers "${LPREG_SANITIZE}")
  target_compile_options(lpreg_options INTERFACE
    -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer
    -O1)  # instrumented row kernels take minutes to optimise
  target_link_options(lpreg_options INTERFACE -fsanitize=${sanitizers})
endif()

# Exports from a shared target the given symbols and nothing else, static libraries' included.
function(export_only target)
  if(APPLE)
    list(TRANSFORM ARGN PREPEND "-Wl,-exported_symbol,_" OUTPUT_VARIABLE options)
    target_link_options(${target} PRIVATE ${options})
    return()
  endif()
  set(version_script "${PROJECT_BINARY_DIR}/${target}.map")
  list(JOIN ARGN "; " symbols)
  file(CONFIGURE OUTPUT "${version_script}" CONTENT "{ global: @symbols@; local: *; };\n" @ONLY)
  target_link_options(${target} PRIVATE "-Wl,--version-script=${version_script}" -Wl,--exclude-libs,ALL)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS "${version_script}")
endfunction()

# The C++ runtime as a part of the binary, which is C to the outside: it then asks a system for a C library alone. Where
# the compiler has no static runtime (Fedora: libstdc++-static) it is the system's. Sanitizers bring their own.
include(CheckLinkerFlag)
if(NOT APPLE AND NOT LPREG_SANITIZE)
  check_linker_flag(CXX -static-libstdc++ LPREG_STATIC_CXX)
endif()
function(embed_cxx_runtime target)
  if(LPREG_STATIC_CXX)
    # Of the runtime only what is used: the rest needs newer C libraries.
    target_link_options(${target} PRIVATE -static-libstdc++ -Wl,--gc-sections)
  endif()
endfunction()
