// SPDX-License-Identifier: MIT
// Clouds: the plasma fractal of the diamond-square algorithm (Fournier, Fussell & Carpenter 1982).
#pragma once

#include <opencv2/core.hpp>

#include "shift/random.h"

namespace ttscale::shift {

/// A fractal on a torus: CV_32F [size, size] in 0..1, both reached. `size` is a power of two from 2. From each scale to
/// the next finer one the random part shrinks by `decay`: 2 is rough, 4 smooth.
cv::Mat plasma(int size, double decay, Random& random);

/// The smallest power of two from 2 that is not below `side`.
int plasma_size(int side);

}  // namespace ttscale::shift
