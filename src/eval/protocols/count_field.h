// SPDX-License-Identifier: MIT
// What protocols with a number of something share.
#pragma once

#include <cstdint>

#include "base/option_text.h"

namespace ttscale::eval {

/// Reads the one field of a protocol, a whole number from 1 on; `usual` if it is not set. Throws UsageError.
std::int64_t read_count(const OptionText& text, const char* field, std::int64_t usual);

}  // namespace ttscale::eval
