// SPDX-License-Identifier: MIT
// The instruction sets that inner loops are compiled for.
#pragma once

#include <vector>

namespace ttscale {

/// kBaseline is what every CPU of the architecture has (SSE2 on x86-64, NEON on aarch64).
enum class Isa { kBaseline, kAvx2, kAvx512 };

/// What both this build and this CPU have, the fastest last; kBaseline is always first.
const std::vector<Isa>& available_isas();

/// "baseline", "AVX2" or "AVX-512".
const char* isa_name(Isa isa);

}  // namespace ttscale
