// SPDX-License-Identifier: MIT
#include "ops/cpu/loops.h"

namespace ttscale::ops {

const LoopTable& loop_table(Isa isa) {
#ifdef TTSCALE_X86_KERNELS
  if (isa == Isa::kAvx512) {
    return kAvx512Loops;
  }
  if (isa == Isa::kAvx2) {
    return kAvx2Loops;
  }
#endif
  static_cast<void>(isa);
  return kBaselineLoops;
}

}  // namespace ttscale::ops
