// SPDX-License-Identifier: MIT
// Decoding with OpenCV, which shares libjpeg-turbo, libpng and libwebp with Pillow, behind checks of our own.
#include "image/decode.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "image/format.h"
#include "image/png_structure.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

constexpr const char* kRemedy = "; replace or remove the file, or leave such files out with --on-error skip";

// Far more than any sound image in these formats; keeps a mislabelled archive out of memory.
constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{1} << 30U;

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
                    std::to_string(size) + ": " + file.string() + kRemedy);
  }
  std::ifstream stream(file, std::ios::binary);
  std::vector<std::uint8_t> bytes(error ? 0 : static_cast<std::size_t>(size));
  if (error || !stream ||
      !stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()))) {
    throw DataError("image: cannot read " + file.string() + "; check its permissions");
  }
  if (bytes.empty()) {
    throw DataError("image: expected an image, found an empty file (0 bytes): " + file.string() + kRemedy);
  }
  return bytes;
}

void check_limits(Size size, const DecodeLimits& limits, const std::filesystem::path& file) {
  if (size.height > 0 && size.width > limits.max_pixels / size.height) {
    throw DataError("image: expected at most " + std::to_string(limits.max_pixels) + " pixels, found " + to_text(size) +
                    ": " + file.string() + "; if the file is to be trusted, raise --max-pixels");
  }
}

// OpenCV decodes in the calling thread anyway; its pool would only compete with the loader's threads.
void use_one_opencv_thread() {
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(1); });
}

cv::Mat decode_with_opencv(const std::vector<std::uint8_t>& bytes, int flags) {
  try {
    return cv::imdecode(bytes, flags);
  } catch (const cv::Exception& exception) {
    throw BadImage("data that OpenCV refuses (" + exception.err + ")");
  }
}

// Pillow 9 reads 16-bit gray as 32-bit numbers and cuts what exceeds 255 when it makes RGB of them.
cv::Mat saturate_gray16(const cv::Mat& gray) {
  cv::Mat narrow;
  gray.convertTo(narrow, CV_8U);
  cv::Mat bgr;
  cv::cvtColor(narrow, bgr, cv::COLOR_GRAY2BGR);
  return bgr;
}

at::Tensor to_rgb_tensor(const cv::Mat& bgr, Size expected) {
  if (bgr.empty() || bgr.type() != CV_8UC3 || Size{bgr.rows, bgr.cols} != expected) {
    throw BadImage("damaged image data");
  }
  at::Tensor rgb = at::empty({bgr.rows, bgr.cols, 3}, at::TensorOptions().dtype(at::kByte));
  cv::Mat target(bgr.rows, bgr.cols, CV_8UC3, rgb.data_ptr());
  cv::cvtColor(bgr, target, cv::COLOR_BGR2RGB);
  return rgb;
}

constexpr int kColour = cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION;

at::Tensor decode_png(Bytes bytes, const DecodeLimits& limits, const std::filesystem::path& file) {
  const PngStructure png = inspect_png(bytes);
  check_limits(png.size, limits, file);
  const cv::Mat bgr = png.gray16 ? saturate_gray16(decode_with_opencv(png.essential, cv::IMREAD_ANYDEPTH))
                                 : decode_with_opencv(png.essential, kColour);
  return to_rgb_tensor(bgr, png.size);
}

}  // namespace

at::Tensor decode(const std::filesystem::path& file, const DecodeLimits& limits) {
  use_one_opencv_thread();
  const std::vector<std::uint8_t> bytes = read_bytes(file);
  try {
    const Bytes view(bytes.data(), bytes.size());
    const Format format = identify(view);
    if (format == Format::kPng) {
      return decode_png(view, limits, file);
    }
    const Size size = inspect(view, format);
    check_limits(size, limits, file);
    return to_rgb_tensor(decode_with_opencv(bytes, kColour), size);
  } catch (const BadImage& problem) {
    throw DataError("image: expected a complete JPEG, PNG, PPM, BMP or WebP, found " + std::string(problem.what()) +
                    ": " + file.string() + kRemedy);
  }
}

}  // namespace ttscale::image
