// SPDX-License-Identifier: MIT
// Temporary files are called .NAME.PID.tmp.
#include "cli/leftovers.h"

#include <signal.h>

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

void remove_leftovers(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_leftover(*entry)) {
      found.push_back(entry->path());
    }
  }
  for (const fs::path& file : found) {
    fs::remove(file, error);
  }
}

}  // namespace ttscale::cli
