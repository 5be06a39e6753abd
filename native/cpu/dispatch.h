// Chooses the row kernels once per process: the best instruction set that the machine runs, or the one that
// the environment variable LPREG_ISA names.
#pragma once

#include "row_kernels.h"

namespace lpreg::cpu {

// Kernels in use. LPREG_ISA naming an unknown or unsupported set leaves `forced_isa_error` non-null and the
// best set in use; the engine turns it into LPREG_ERR_OPTION when a context is created.
const RowKernels& row_kernels();
const char* forced_isa_error();
// Names of the sets that this machine can run, comma-separated, best last.
const char* available_instruction_sets();

}  // namespace lpreg::cpu
