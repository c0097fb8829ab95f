// SPDX-License-Identifier: MIT
// From decoded image to model input, with the bits of torchvision's Resize, CenterCrop, ToTensor, Normalize and the
// crop modes of timm.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/resize.h"

namespace ttscale::image {

/// How an image is brought to `img_size`, as timm's --crop-mode; the scaled size is floor(img_size / crop_pct).
enum class CropMode {
  kCenter,  ///< keep the ratio, fill the scaled size with the shorter side, crop the centre
  kSquash,  ///< stretch to the scaled size, crop the centre
  kBorder,  ///< keep the ratio, fit inside the scaled size, pad with the mean colour, crop the centre
};

/// The mode of that name ("center", "squash", "border"); throws UsageError for any other text.
CropMode parse_crop_mode(const std::string& text);

/// The name that parse_crop_mode() reads.
std::string to_string(CropMode mode);

/// Everything that turns a decoded image into a model input. The defaults are timm's.
struct Preprocessing {
  std::optional<Size> img_size;  ///< input of the model; none: images keep their own size, nothing is cropped
  double crop_pct = 0.875;       ///< share of the scaled image that the crop keeps, in (0, 1]
  CropMode crop_mode = CropMode::kCenter;
  Interpolation interpolation = Interpolation::kBilinear;
  std::int64_t in_chans = 3;                         ///< 3: RGB; 1: gray by Pillow's "L" conversion
  std::vector<double> mean = {0.485, 0.456, 0.406};  ///< of pixels in 0..1; one value, or one a channel
  std::vector<double> std = {0.229, 0.224, 0.225};   ///< of pixels in 0..1; one value, or one a channel

  /// Throws UsageError that names the first field that cannot be used.
  void validate() const;

  /// One line of JSON with every field; img_size is null or [H, W].
  [[nodiscard]] std::string to_json() const;

  /// One line for people: "224x224, crop_pct 0.875, center, bilinear, RGB, mean 0.485,0.456,0.406, std
  /// 0.229,0.224,0.225". Two that prepare images alike give the same line: equal values of all channels are one.
  [[nodiscard]] std::string describe() const;
};

/// The line of describe() without the normalisation: what decides the pixels.
std::string describe_geometry(const Preprocessing& preprocessing);

/// In this and the next functions, `preprocessing` must be one that validate() accepts.
/// Resizes and crops uint8 [H, W, 3] to uint8 [h, w, in_chans]. Where timm's crop_mode center drops the interpolation
/// (non-square img_size), the given one is used all the same.
at::Tensor fit(const at::Tensor& hwc, const Preprocessing& preprocessing);

/// uint8 [H, W, 3] -> float32 [in_chans, h, w] in 0..1: fit(), then ToTensor.
at::Tensor to_pixels(const at::Tensor& hwc, const Preprocessing& preprocessing);

/// uint8 [H, W, 3] -> float32 [in_chans, h, w], normalised: the bits of normalize(to_pixels(...)), in one pass.
at::Tensor to_input(const at::Tensor& hwc, const Preprocessing& preprocessing);

/// (pixels - mean) / std in float32, subtraction first. `pixels` is float32 [C, H, W] or [N, C, H, W]; mean and std
/// hold one value or C values. Throws UsageError for anything else.
at::Tensor normalize(const at::Tensor& pixels, const std::vector<double>& mean, const std::vector<double>& std);

}  // namespace ttscale::image
