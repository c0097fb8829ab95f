// SPDX-License-Identifier: MIT
// Temporary files are called .NAME.PID.tmp.
#include "cli/leftovers.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

namespace ttscale::cli {
namespace {

namespace fs = std::filesystem;

/// The process that the name of a temporary file speaks of; 0 for any other file.
pid_t writer_of(const std::string& name) {
  const std::string ending = ".tmp";
  if (name.size() <= ending.size() || name.front() != '.' ||
      name.compare(name.size() - ending.size(), ending.size(), ending) != 0) {
    return 0;
  }
  const std::string rest = name.substr(0, name.size() - ending.size());
  const std::string digits = rest.substr(rest.rfind('.') + 1);
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  return number ? static_cast<pid_t>(std::atoll(digits.c_str())) : 0;
}

bool is_leftover(const fs::directory_entry& entry) {
  std::error_code error;
  const pid_t writer = entry.is_regular_file(error) ? writer_of(entry.path().filename().string()) : 0;
  return writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH;
}

}  // namespace

// Not recursive_directory_iterator: PyTorch wheels export copies of much of std::filesystem, some of which crash.
void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> leftovers;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_leftover(entry)) {
      leftovers.push_back(entry.path());
    } else if (entry.is_directory(error) && !entry.is_symlink(error)) {
      folders.push_back(entry.path());
    }
  }
  for (const fs::path& file : leftovers) {
    ::unlink(file.c_str());
  }
  for (const fs::path& inner : folders) {
    remove_leftovers(inner);
  }
}

}  // namespace ttscale::cli
