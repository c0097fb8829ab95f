// SPDX-License-Identifier: MIT
// Attributes that rewriting adds to a module.
#pragma once

#include <string>

namespace ttscale::graph {

/// What their names begin with.
inline constexpr const char* kOwnAttributes = "_ttscale_";

inline bool is_own_attribute(const std::string& name) { return name.rfind(kOwnAttributes, 0) == 0; }

}  // namespace ttscale::graph
