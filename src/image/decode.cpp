// SPDX-License-Identifier: MIT
// Decoding with libjpeg-turbo, and with OpenCV, which shares libpng and libwebp with Pillow, behind checks of our own.
#include "image/decode.h"

#include <ATen/ops/empty.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <mutex>
#include <set>
#include <vector>

#include "base/log.h"
#include "image/file_bytes.h"
#include "image/format.h"
#include "image/jpeg_decode.h"
#include "image/opencv_decode.h"
#include "image/png_structure.h"
#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

// Pillow 9 reads 16-bit gray as 32-bit numbers and cuts what exceeds 255 when it makes RGB of them.
cv::Mat saturate_gray16(const cv::Mat& gray) {
  cv::Mat narrow;
  gray.convertTo(narrow, CV_8U);
  cv::Mat bgr;
  cv::cvtColor(narrow, bgr, cv::COLOR_GRAY2BGR);
  return bgr;
}

at::Tensor empty_rgb(Size size) {
  return at::empty({size.height, size.width, 3}, at::TensorOptions().dtype(at::kByte));
}

at::Tensor to_rgb_tensor(const cv::Mat& bgr, Size expected) {
  if (bgr.empty() || bgr.type() != CV_8UC3 || Size{bgr.rows, bgr.cols} != expected) {
    throw BadImage("damaged image data");
  }
  at::Tensor rgb = empty_rgb(expected);
  cv::Mat target(bgr.rows, bgr.cols, CV_8UC3, rgb.data_ptr());
  cv::cvtColor(bgr, target, cv::COLOR_BGR2RGB);
  return rgb;
}

constexpr int kColour = cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION;

at::Tensor decode_png(Bytes bytes, const DecodeLimits& limits, const std::filesystem::path& file) {
  const PngStructure png = inspect_png(bytes);
  check_limits(png.size, limits, file);
  const cv::Mat bgr = png.gray16 ? saturate_gray16(opencv_decode(png.essential, cv::IMREAD_ANYDEPTH))
                                 : opencv_decode(png.essential, kColour);
  return to_rgb_tensor(bgr, png.size);
}

/// Whether a file has not been named before: an evaluation decodes it for each of its domains. Of very many only the
/// first are named.
bool is_news(const std::filesystem::path& file) {
  constexpr std::size_t kMostNamed = 100;
  static std::mutex mutex;
  static std::set<std::filesystem::path> named;
  const std::lock_guard<std::mutex> lock(mutex);
  return named.size() < kMostNamed && named.insert(file).second;
}

void pass_on(const std::string& warning, const std::filesystem::path& file) {
  if (!warning.empty() && is_news(file)) {
    log(LogLevel::kWarning, "image: decoded, but libjpeg warns of it (" + warning + "): " + file.string());
  }
}

}  // namespace

at::Tensor decode(const std::filesystem::path& file, const DecodeLimits& limits) {
  const std::vector<std::uint8_t> bytes = read_bytes(file);
  try {
    const Bytes view(bytes.data(), bytes.size());
    const Format format = identify(view);
    if (format == Format::kPng) {
      return decode_png(view, limits, file);
    }
    const Size size = inspect(view, format);
    check_limits(size, limits, file);
    if (format == Format::kJpeg) {
      at::Tensor rgb = empty_rgb(size);
      if (const auto warning = decode_jpeg(view, size, rgb.data_ptr<std::uint8_t>())) {
        pass_on(*warning, file);
        return rgb;
      }
    }
    return to_rgb_tensor(opencv_decode(bytes, kColour), size);
  } catch (const BadImage& problem) {
    throw DataError("image: expected a complete JPEG, PNG, PPM, BMP or WebP, found " + std::string(problem.what()) +
                    ": " + file.string() + kImageRemedy);
  }
}

}  // namespace ttscale::image
