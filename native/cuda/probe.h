// Whether the library holds machine code for the current device.
#pragma once

namespace lpreg::cuda {

// 0, or the error that the first launch on this device would meet.
int probe_kernel_image();

}  // namespace lpreg::cuda
