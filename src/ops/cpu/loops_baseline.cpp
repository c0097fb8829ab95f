// SPDX-License-Identifier: MIT
#include "ops/cpu/loops_of_this_isa.h"

namespace ttscale::ops {

const LoopTable kBaselineLoops = loops_of_this_isa();

}  // namespace ttscale::ops
