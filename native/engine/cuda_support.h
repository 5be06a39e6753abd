// Whether CUDA can be used on this machine.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

// Asked for once. The texts live as long as the process.
const lpreg_cuda_info& cuda_info();

// Throws LPREG_ERR_BACKEND_UNAVAILABLE with reason and advice where no device can be used.
void require_cuda();

}  // namespace lpreg
