// SPDX-License-Identifier: MIT
// Checks and texts that the image functions share.
#pragma once

#include <ATen/core/Tensor.h>

#include <sstream>
#include <string>

#include "image/resize.h"
#include "ttscale/error.h"

namespace ttscale::image {

/// "256x224": height x width.
inline std::string to_text(Size size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

/// "Byte [480, 640, 3]", or "no tensor".
inline std::string to_text(const at::Tensor& tensor) {
  if (!tensor.defined()) {
    return "no tensor";
  }
  std::ostringstream text;
  text << c10::toString(tensor.scalar_type()) << ' ' << tensor.sizes();
  return text.str();
}

/// Throws UsageError unless `hwc` is a non-empty uint8 CPU tensor [H, W, C] with C of 1, 3 or 4.
inline void check_image(const at::Tensor& hwc, const std::string& function) {
  const bool ok = hwc.defined() && hwc.dim() == 3 && hwc.scalar_type() == at::kByte && hwc.device().is_cpu() &&
                  hwc.numel() > 0 && (hwc.size(2) == 1 || hwc.size(2) == 3 || hwc.size(2) == 4);
  if (!ok) {
    throw UsageError(function + ": expected a uint8 image [H, W, C] on the CPU with 1, 3 or 4 channels, found " +
                     to_text(hwc));
  }
}

}  // namespace ttscale::image
