# Toolchain file: 64-bit ARM Linux from another machine, its programs run by qemu. scripts/check-neon uses it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
find_program(qemu_user NAMES qemu-aarch64 qemu-aarch64-static)
if(qemu_user)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${qemu_user}" -L /usr/aarch64-linux-gnu)
endif()
