// SPDX-License-Identifier: MIT
// A folder of files that a test makes and that vanishes with it.
#pragma once

#include <ftw.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace ttscale::testing {

/// Removes a folder with everything in it. Not std::filesystem::remove_all: the libtorch.so of the PyTorch wheels
/// exports a copy of that function which crashes (seen with 2.11).
inline void remove_folder(const std::filesystem::path& folder) {
  const auto remove_entry = [](const char* path, const struct stat*, int, struct FTW*) { return std::remove(path); };
  ::nftw(folder.c_str(), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/// A fresh, empty folder; removed with everything in it at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ttscale-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("cannot make a temporary folder");
    }
    path_ = name;
  }
  ~TempFolder() { remove_folder(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& below) const { return path_ / below; }

  /// Writes a file and the folders above it; returns its path.
  std::filesystem::path write(const std::string& below, const std::string& bytes) const {
    const std::filesystem::path file = path_ / below;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// The bytes of a file; empty if it cannot be read.
inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// What `action` throws as `Error`, or why that is not what happened.
template <typename Error, typename Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace ttscale::testing
