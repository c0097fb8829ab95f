// SPDX-License-Identifier: MIT
// Write beside, sync, rename.
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

namespace fs = std::filesystem;

/// /dev/stdout, /dev/fd/3, /proc/self/fd/3: names of what is open already, even where that is a plain file.
bool is_open_stream(const fs::path& file) {
  const std::string name = file.lexically_normal().string();
  return name.rfind("/dev/std", 0) == 0 || name.rfind("/dev/fd/", 0) == 0 || name.rfind("/proc/", 0) == 0;
}

bool is_device(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

/// The file that a link finally means: the link stays, its target is replaced.
fs::path target_of(const fs::path& file) {
  std::error_code error;
  if (is_special(file) || !fs::is_symlink(file, error)) {
    return file;
  }
  const fs::path target = fs::weakly_canonical(file, error);
  return error ? file : target;
}

void check_target(const fs::path& target, const fs::path& name) {
  std::error_code error;
  if (name.empty()) {
    throw_cannot_write("\"\"", ENOENT);
  }
  if (fs::is_directory(target, error) || !target.has_filename()) {
    throw_cannot_write(name, EISDIR);
  }
  // A rename would replace a file that its owner protects against writing.
  if (fs::exists(target, error) && ::access(target.c_str(), W_OK) != 0) {
    throw_cannot_write(name, errno);
  }
}

/// A new file beside the target, which is deleted unless it takes the target's place.
class Temporary {
 public:
  Temporary(const fs::path& target, const fs::path& name)
      : target_(target),
        name_(name),
        path_(target.parent_path() / ("." + target.filename().string() + "." + std::to_string(::getpid()) + ".tmp")),
        descriptor_(open_new()) {}
  ~Temporary() {
    if (!path_.empty()) {
      ::unlink(path_.c_str());
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  void publish(const std::string& content) {
    keep_permissions();
    descriptor_.write(content);
    descriptor_.close();
    if (::rename(path_.c_str(), target_.c_str()) != 0) {
      throw_cannot_write(name_, errno);
    }
    path_.clear();
    sync_folder();
  }

 private:
  Descriptor open_new() const {
    ::unlink(path_.c_str());  // what a killed process of the same number may have left
    return {path_, O_WRONLY | O_CREAT | O_EXCL, name_};
  }

  void keep_permissions() const {
    struct stat status {};
    if (::stat(target_.c_str(), &status) == 0) {
      ::fchmod(descriptor_.get(), status.st_mode & 07777U);
    }
  }

  /// The file is complete by now; a file system that cannot sync folders is no reason to fail.
  void sync_folder() const {
    const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
      ::fsync(descriptor);
      ::close(descriptor);
    }
  }

  fs::path target_;
  fs::path name_;
  fs::path path_;
  Descriptor descriptor_;
};

}  // namespace

bool is_special(const fs::path& file) { return is_device(file) || is_open_stream(file); }

void refuse_device(const std::string& what, const fs::path& file) {
  std::error_code error;
  if (fs::is_character_file(file, error) || fs::is_block_file(file, error)) {
    throw DataError(what + ": expected a file, found a device: " + file.string() + "; name a file on a disk");
  }
}

void write_file(const fs::path& file, const std::string& content) {
  const fs::path target = target_of(file);
  check_target(target, file);
  if (is_special(target)) {
    Descriptor device(target, O_WRONLY | O_APPEND, file);
    device.write(content);
    device.close();
    return;
  }
  Temporary(target, file).publish(content);
}

void check_writable(const fs::path& file) {
  const fs::path target = target_of(file);
  check_target(target, file);
  if (is_special(target)) {
    const Descriptor device(target, O_WRONLY | O_NONBLOCK, file);
    return;
  }
  const Temporary probe(target, file);
}

}  // namespace ttscale
