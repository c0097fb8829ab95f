// SPDX-License-Identifier: MIT
// open, write, fsync, close.
#include "base/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "ttscale/error.h"

namespace ttscale {
namespace {

constexpr int kReadWriteByAll = 0666;  // less the umask

const char* remedy(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "; free some space or name a file elsewhere";
    case EISDIR:
      return "; name a file in it";
    default:
      return "; name a file in a folder that exists and can be written to";
  }
}

}  // namespace

void throw_cannot_write(const std::filesystem::path& file, int error) {
  throw Error("cannot write " + file.string() + ": " + std::generic_category().message(error) + remedy(error));
}

Descriptor::Descriptor(const std::filesystem::path& file, int flags, const std::filesystem::path& name)
    : name_(name), descriptor_(::open(file.c_str(), flags | O_CLOEXEC, kReadWriteByAll)) {
  if (descriptor_ < 0) {
    throw_cannot_write(name_, errno);
  }
}

Descriptor::~Descriptor() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : name_(std::move(other.name_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void Descriptor::write(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(descriptor_, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) {
      throw_cannot_write(name_, errno);
    }
    done += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
}

void Descriptor::sync() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) {  // pipes and devices
    throw_cannot_write(name_, errno);
  }
}

void Descriptor::close() {
  sync();
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    throw_cannot_write(name_, errno);
  }
}

}  // namespace ttscale
