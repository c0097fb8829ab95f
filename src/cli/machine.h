// SPDX-License-Identifier: MIT
// The machine that the program runs on, by name.
#pragma once

#include <iosfwd>
#include <string>

namespace ttscale::cli {

/// The first "model name" in the text of /proc/cpuinfo (Linux; on ARM often missing); "unknown CPU" if there is none.
std::string cpu_name(std::istream& cpuinfo);

/// The same of this machine.
std::string cpu_name();

}  // namespace ttscale::cli
