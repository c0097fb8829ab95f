// SPDX-License-Identifier: MIT
// Files into memory.
#include "image/file_bytes.h"

#include <fstream>
#include <system_error>

#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

// Far more than any sound image in these formats; keeps a mislabelled archive out of memory.
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 30U;

}  // namespace

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    throw DataError("image: expected a file, found nothing at " + file.string() + "; check the path");
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw DataError("image: expected a file, found a folder or device at " + file.string() + "; check the path");
  }
  const auto size = std::filesystem::file_size(file, error);
  if (!error && size > kMaxFileBytes) {
    throw DataError("image: expected a file of at most " + std::to_string(kMaxFileBytes) + " bytes, found " +
                    std::to_string(size) + ": " + file.string() + kImageRemedy);
  }
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::uint8_t> bytes(error ? 0 : static_cast<std::size_t>(size));
  if (error || !stream ||
      !stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
    throw DataError("image: cannot read " + file.string() + "; check its permissions");
  }
  if (bytes.empty()) {
    throw DataError("image: expected an image, found an empty file (0 bytes): " + file.string() + kImageRemedy);
  }
  return bytes;
}

void check_limits(Size size, const DecodeLimits& limits, const std::filesystem::path& file) {
  if (size.height > 0 && size.width > limits.max_pixels / size.height) {
    throw DataError("image: expected at most " + std::to_string(limits.max_pixels) + " pixels, found " + to_text(size) +
                    ": " + file.string() + "; if the file is to be trusted, raise --max-pixels");
  }
}

}  // namespace ttscale::image
