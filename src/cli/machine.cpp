// SPDX-License-Identifier: MIT
// /proc/cpuinfo.
#include "cli/machine.h"

#include <fstream>

namespace ttscale::cli {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto value = line.find(": ");
    if (line.rfind("model name", 0) == 0 && value != std::string::npos) {
      return line.substr(value + 2);
    }
  }
  return "unknown CPU";
}

}  // namespace ttscale::cli
