// SPDX-License-Identifier: MIT
// What an input scaling refers to: the normalisation of the images, and the training set where calibration saw it.
#pragma once

#include <optional>
#include <vector>

#include "ttscale/input.h"
#include "ttscale/reference.h"

namespace ttscale {

/// Where a scaling stands to the step (pixels - mean) / std that images go through.
enum class InputSpace {
  kPixels,      ///< ahead of it
  kNormalised,  ///< behind it, which gives the same images
};

/// The scaling with its mean and std set. `standardize` brings images to what the step maps to 0 and 1 or, where the
/// reference knows them, to the moments of the calibration images; min-max is meant of pixels. `mean` and `std` of the
/// step have one value or one a channel.
InputScaling with_reference(InputScaling scaling, InputSpace space, const std::vector<double>& mean,
                            const std::vector<double>& std, const std::optional<Reference>& reference);

}  // namespace ttscale
