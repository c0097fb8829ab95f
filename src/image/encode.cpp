// SPDX-License-Identifier: MIT
// Encoding with OpenCV.
#include "image/encode.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "image/tensor_checks.h"
#include "ttscale/error.h"

namespace ttscale::image {

Encoding::Format Encoding::parse_format(const std::string& text) {
  if (text == "png" || text == "jpeg") {
    return text == "png" ? Format::kPng : Format::kJpeg;
  }
  throw UsageError("format: expected png or jpeg, found '" + text + "'");
}

std::string Encoding::extension() const { return format == Format::kPng ? ".png" : ".jpg"; }

void Encoding::validate() const {
  if (quality < 1 || quality > 100) {
    throw UsageError("quality: expected 1 to 100, found " + std::to_string(quality));
  }
}

std::string encode(const at::Tensor& hwc, const Encoding& encoding) {
  check_image(hwc, "encode");
  encoding.validate();
  if (hwc.size(2) != 3) {
    throw UsageError("encode: expected an RGB image [H, W, 3], found " + to_text(hwc));
  }
  const at::Tensor image = hwc.contiguous();
  const cv::Mat rgb(static_cast<int>(image.size(0)), static_cast<int>(image.size(1)), CV_8UC3, image.data_ptr());
  std::vector<int> options;
  if (encoding.format == Encoding::Format::kJpeg) {
    options = {cv::IMWRITE_JPEG_QUALITY, static_cast<int>(encoding.quality)};
  }
  std::vector<std::uint8_t> bytes;
  try {
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    if (!cv::imencode(encoding.extension(), bgr, bytes, options)) {
      throw Error("encode: OpenCV cannot write " + to_text(hwc) + " as " + encoding.extension());
    }
  } catch (const cv::Exception& exception) {
    throw Error("encode: OpenCV cannot write " + to_text(hwc) + " as " + encoding.extension() + " (" + exception.err +
                ")");
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace ttscale::image
