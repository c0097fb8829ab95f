// SPDX-License-Identifier: MIT
#include "stats/cpu/auto_kernels_of_this_isa.h"

namespace ttscale::stats {

const AutoKernels kAvx512AutoKernels = auto_kernels_of_this_isa();

}  // namespace ttscale::stats
