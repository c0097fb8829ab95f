// SPDX-License-Identifier: MIT
// The CPU kernels as parameters of tests: every instruction set of this CPU, dtype and layout.
#pragma once

#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "base/isa.h"

namespace ttscale::ops {

using Kernel = std::tuple<Isa, at::ScalarType, at::MemoryFormat>;

inline auto every_kernel() {
  return ::testing::Combine(::testing::ValuesIn(available_isas()),
                            ::testing::Values(at::kFloat, at::kDouble, at::kBFloat16, at::kHalf),
                            ::testing::Values(at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast));
}

/// "AVX512_Float_NHWC"
inline std::string kernel_name(const ::testing::TestParamInfo<Kernel>& test) {
  const auto& [isa, dtype, format] = test.param;
  return c10::str(isa == Isa::kAvx512 ? "AVX512" : isa_name(isa), "_", dtype, "_",
                  format == at::MemoryFormat::Contiguous ? "NCHW" : "NHWC");
}

}  // namespace ttscale::ops
