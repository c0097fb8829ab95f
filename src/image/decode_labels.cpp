// SPDX-License-Identifier: MIT
// Label maps with OpenCV, which would stretch gray of few bits and look palettes up: both are undone or kept from it.
#include "image/decode_labels.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "image/file_bytes.h"
#include "image/format.h"
#include "image/opencv_decode.h"
#include "image/png_structure.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

constexpr std::uint32_t kGrayType = 0;
constexpr std::uint32_t kPaletteType = 3;

[[noreturn]] void refuse(const std::string& found, const std::filesystem::path& file) {
  throw DataError("labels: expected a PNG with one channel (gray or palette) that holds class indices, found " + found +
                  ": " + file.string() + "; convert colours to class indices");
}

template <typename Value>
at::Tensor to_int64(const cv::Mat& gray, std::int64_t divisor) {
  at::Tensor labels = at::empty({gray.rows, gray.cols}, at::TensorOptions().dtype(at::kLong));
  auto* out = labels.data_ptr<std::int64_t>();
  for (int y = 0; y < gray.rows; ++y, out += gray.cols) {
    std::transform(gray.ptr<Value>(y), gray.ptr<Value>(y) + gray.cols, out,
                   [divisor](Value value) { return static_cast<std::int64_t>(value) / divisor; });
  }
  return labels;
}

at::Tensor read_png(Bytes bytes, const DecodeLimits& limits, const std::filesystem::path& file) {
  const PngStructure png = inspect_png(bytes);
  check_limits(png.size, limits, file);
  if (png.colour_type != kGrayType && png.colour_type != kPaletteType) {
    refuse("colour or alpha", file);
  }
  const cv::Mat gray =
      opencv_decode(png.colour_type == kPaletteType ? palette_as_gray(png) : png.essential, cv::IMREAD_UNCHANGED);
  const int type = png.bit_depth == 16 ? CV_16UC1 : CV_8UC1;
  if (gray.empty() || gray.type() != type || Size{gray.rows, gray.cols} != png.size) {
    throw BadImage("damaged image data");
  }
  if (png.bit_depth == 16) {
    return to_int64<std::uint16_t>(gray, 1);
  }
  const std::int64_t largest = (std::int64_t{1} << png.bit_depth) - 1;  // of the stored values; 255 after decoding
  return to_int64<std::uint8_t>(gray, 255 / largest);
}

}  // namespace

at::Tensor decode_labels(const std::filesystem::path& file, const DecodeLimits& limits) {
  const std::vector<std::uint8_t> bytes = read_bytes(file);
  try {
    const Bytes view(bytes.data(), bytes.size());
    if (identify(view) != Format::kPng) {
      refuse("another format, which may have changed them", file);
    }
    return read_png(view, limits, file);
  } catch (const BadImage& problem) {
    throw DataError("labels: expected a complete PNG, found " + std::string(problem.what()) + ": " + file.string() +
                    kImageRemedy);
  }
}

}  // namespace ttscale::image
