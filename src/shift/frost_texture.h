// SPDX-License-Identifier: MIT
// Pictures of frost on a window. ImageNet-C uses photographs found on the web; these are drawn by chance.
#pragma once

#include <opencv2/core.hpp>

namespace ttscale::shift {

constexpr int kFrostTextures = 5;

/// One of the textures 0 .. 4: CV_8UC3, 512x512, on a torus (it continues at the opposite edge). Drawn at first use,
/// always the same. Thread-safe. Colours, gray levels and spectrum have the statistics of the five photographs: a
/// bluish film of ice, two white sheets of needles, gray crystals, dark ferns.
const cv::Mat& frost_texture(int index);

}  // namespace ttscale::shift
