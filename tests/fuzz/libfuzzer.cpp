// SPDX-License-Identifier: MIT
// The entry of libFuzzer for one target.
#include <cstddef>
#include <cstdint>

#include "targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ttscale::fuzz::TTSCALE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
