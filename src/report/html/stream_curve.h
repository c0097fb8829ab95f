// SPDX-License-Identifier: MIT
// Stretches of a stream, added up and merged until they hold enough images to be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "eval/result.h"

namespace ttscale::report::html {

using Curve = std::vector<eval::CurvePoint>;

/// Stretch by stretch the sum of curves (of seeds or domains); shorter ones end early.
Curve add_curves(const std::vector<const Curve*>& curves);

/// The sum of curves that run side by side, each over the whole stream: `count` stretches of equal shares.
Curve add_side_by_side(const std::vector<const Curve*>& curves, std::size_t count);

/// The stretches whose middle lies between two shares, 0 to 1, of the curve's images.
Curve slice(const Curve& curve, double from, double to);

/// Neighbouring stretches merged evenly: at most `most` of them, each of about `least_images` or more.
Curve merge_stretches(const Curve& curve, std::size_t most, std::int64_t least_images);

/// Images of the curve.
std::int64_t images_of(const Curve& curve);

/// Right answers of a stretch in %; NaN without images.
double accuracy_of(const eval::CurvePoint& point);

}  // namespace ttscale::report::html
