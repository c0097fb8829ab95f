// SPDX-License-Identifier: MIT
// The machine that the program runs on, by name.
#pragma once

#include <string>

namespace ttscale::cli {

/// The first "model name" of /proc/cpuinfo; "unknown CPU" where there is none (not Linux; ARM, often).
std::string cpu_name();

}  // namespace ttscale::cli
