// SPDX-License-Identifier: MIT
#include "stats/cpu/auto_kernels.h"

namespace ttscale::stats {

const AutoKernels& auto_kernels(Isa isa) {
#ifdef TTSCALE_X86_KERNELS
  if (isa == Isa::kAvx512) {
    return kAvx512AutoKernels;
  }
  if (isa == Isa::kAvx2) {
    return kAvx2AutoKernels;
  }
#endif
  static_cast<void>(isa);
  return kBaselineAutoKernels;
}

}  // namespace ttscale::stats
