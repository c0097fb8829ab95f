// SPDX-License-Identifier: MIT
#include "ops/cpu/loops_of_this_isa.h"

namespace ttscale::ops {

const LoopTable kAvx512Loops = loops_of_this_isa();

}  // namespace ttscale::ops
