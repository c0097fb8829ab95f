// SPDX-License-Identifier: MIT
// Input scaling: rescales the image batch ahead of any model, with or without BatchNorm. Tensors in, tensors out, on
// any device.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ttscale/export.h"

namespace ttscale {

/// Over which elements the statistics of the input are taken.
enum class InputScope {
  kBatch,    ///< per channel, over all images of the batch
  kImage,    ///< per image, over its channels and pixels together: colour casts stay
  kChannel,  ///< per image and channel: colour casts go
};

/// y = (x - m) / s * std + mean, with m and s the mean and (biased) standard deviation of x over the scope.
/// Statistics are taken of (x - mean) / std, so that the result is the same before and after a Normalize(mean, std)
/// step. Where x is constant (s below 1e-6 of |m|, rounding noise) it passes through unchanged, and so does an image
/// that holds NaN or Inf.
struct Standardize {
  std::vector<double> mean{0.0};  ///< reference mean, one value or one per channel
  std::vector<double> std{1.0};   ///< reference standard deviation, > 0, one value or one per channel
  InputScope scope = InputScope::kBatch;
};

/// y = low + (x - min) / (max - min) * (high - low), with min and max taken over the scope, or robust quantiles in
/// their place. NaN and Inf are ignored by the quantiles and stay what they are; values outside the quantiles are
/// clamped; where max = min (a constant image; a range below 1e-6 of its ends is rounding noise) x passes through. For
/// x that has been through a Normalize(mean, std) step all of this is meant of x * std + mean, and y has been through
/// the step as well: the result is the same before and after it.
struct MinMax {
  double low = 0.0;             ///< value that the minimum maps to
  double high = 1.0;            ///< value that the maximum maps to, > low
  double lower_quantile = 0.0;  ///< 0: the minimum; linear interpolation between order statistics as in numpy.quantile
  double upper_quantile = 1.0;  ///< 1: the maximum; > lower_quantile
  InputScope scope = InputScope::kImage;
  std::vector<double> mean{0.0};  ///< of a Normalize step that x has been through, one value or one per channel
  std::vector<double> std{1.0};   ///< likewise, > 0
};

/// No scaling, standardisation, or min-max rescaling.
using InputScaling = std::variant<std::monostate, Standardize, MinMax>;

/// Standardises x [N, C, ...] of any floating type; same dtype, layout and device. Throws UsageError for bad options,
/// DataError for a bad x.
TTSCALE_API at::Tensor standardize(const at::Tensor& x, const Standardize& options);

/// Rescales x [N, C, ...] of any floating type to [low, high]; same dtype, layout and device. Throws UsageError for bad
/// options, DataError for a bad x.
TTSCALE_API at::Tensor min_max(const at::Tensor& x, const MinMax& options);

/// Applies whichever scaling is chosen; returns x itself when none is.
TTSCALE_API at::Tensor scale_input(const at::Tensor& x, const InputScaling& scaling);

/// Reads `none`, `standardize[:scope=batch|image|channel]` or
/// `min-max[:low=0,high=1,lower-quantile=0,upper-quantile=1,scope=image]`. `mean` and `std` are not
/// part of the text: set them in the result. Throws UsageError that lists what is valid.
TTSCALE_API InputScaling parse_input_scaling(const std::string& text);

/// The text of a scaling with the fields that differ from their defaults.
TTSCALE_API std::string to_string(const InputScaling& scaling);

/// Throws UsageError that names the field whose value is out of range.
TTSCALE_API void validate(const InputScaling& scaling);

}  // namespace ttscale
