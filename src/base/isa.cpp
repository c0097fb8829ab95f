// SPDX-License-Identifier: MIT
#include "base/isa.h"

#ifdef TTSCALE_X86_KERNELS
#include <cpuid.h>
#endif

namespace ttscale {
namespace {

#ifdef TTSCALE_X86_KERNELS
/// The conversions of float16; no name in __builtin_cpu_supports before GCC 11.
bool has_f16c() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

std::vector<Isa> detect() {
  std::vector<Isa> found{Isa::kBaseline};
#ifdef TTSCALE_X86_KERNELS
  // __builtin_cpu_supports also asks whether the operating system saves the registers.
  if (__builtin_cpu_supports("avx2") && has_f16c()) {
    found.push_back(Isa::kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back(Isa::kAvx512);
    }
  }
#endif
  return found;
}

}  // namespace

const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx2:
      return "AVX2";
    case Isa::kAvx512:
      return "AVX-512";
    case Isa::kBaseline:
      break;
  }
  return "baseline";
}

}  // namespace ttscale
