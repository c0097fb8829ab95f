// SPDX-License-Identifier: MIT
// The loops as the including translation unit's compiler options make them: loops_baseline.cpp, loops_avx2.cpp and
// loops_avx512.cpp differ in nothing else (src/ops/CMakeLists.txt).
#pragma once

#include "ops/cpu/affine_loops.h"
#include "ops/cpu/depthwise_loops.h"
#include "ops/cpu/moments_loops.h"

namespace ttscale::ops {
namespace {

template <typename T>
constexpr Loops loops_of() {
  return {row_moments<T>, pixel_moments<T>, row_affine<T>, pixel_affine<T>};
}

constexpr LoopTable loops_of_this_isa() {
  return {loops_of<float>(), loops_of<double>(), loops_of<BFloat16>(),
          loops_of<Half>(),  depthwise_input,    depthwise_row};
}

}  // namespace
}  // namespace ttscale::ops
