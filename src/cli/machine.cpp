// SPDX-License-Identifier: MIT
// /proc/cpuinfo.
#include "cli/machine.h"

#include <fstream>

namespace ttscale::cli {

std::string cpu_name(std::istream& cpuinfo) {
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto value = line.find(": ");
    if (line.rfind("model name", 0) == 0 && value != std::string::npos) {
      return line.substr(value + 2);
    }
  }
  return "unknown CPU";
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  return cpu_name(file);
}

}  // namespace ttscale::cli
