// SPDX-License-Identifier: MIT
// Files by POSIX descriptors, which can be synced and whose every failure has a reason.
#pragma once

#include <filesystem>
#include <string>

namespace ttscale {

/// An open file that closes itself.
class Descriptor {
 public:
  /// Opens with flags of open(2). Throws Error naming `name` and the reason.
  Descriptor(const std::filesystem::path& file, int flags, const std::filesystem::path& name);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;

  /// Writes all of the text. Throws Error.
  void write(const std::string& text);

  /// Waits until the disk has it, where the file lies on one. Throws Error.
  void sync();

  /// Syncs and closes. Throws Error if the system could not keep what was written.
  void close();

  [[nodiscard]] int get() const { return descriptor_; }

 private:
  std::filesystem::path name_;
  int descriptor_;
};

/// Throws Error: "cannot write FILE: REASON; ...".
[[noreturn]] void throw_cannot_write(const std::filesystem::path& file, int error);

}  // namespace ttscale
