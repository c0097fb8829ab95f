// SPDX-License-Identifier: MIT
// The rows that a depthwise convolution reads: as they lie in memory, normalised on the way, or made on the way by the
// 1x1 convolution ahead.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/pixel_prologue.h"

namespace ttscale::ops {

/// Of a layer: all images, in channels_last.
struct LayerInput {
  std::int64_t rows, columns, channels;     ///< of the depthwise convolution's input
  const float* x;                           ///< that input, or what the expansion makes it of
  std::int64_t x_channels;                  ///< of x
  const PixelPrologue* prologue = nullptr;  ///< null: nothing is to be done to the input; not with an expansion
  const float* weight = nullptr;            ///< of the expansion: expansion_weight(); null: there is none
  const float* bias = nullptr;              ///< of the expansion, or null
};

/// Memory of a thread.
struct RowScratch {
  std::vector<float> zeros;  ///< a row beyond the edge
  std::vector<float> ready;  ///< the latest rows
};

/// Of one image and one run of channels.
class InputRows {
 public:
  /// `together`: rows that are made at once. `kept`: rows that the caller looks at together.
  InputRows(const LayerInput& layer, std::int64_t image, std::int64_t channel, std::int64_t width,
            std::int64_t together, std::int64_t kept, RowScratch& scratch);

  /// Makes rows ready up to `end`, of which none before `first` will be asked for any more.
  void make_ready(std::int64_t end, std::int64_t first);

  /// The first pixel of a row that is ready; zeros for one outside the image.
  [[nodiscard]] const float* row(std::int64_t r) const;
  /// Elements from pixel to pixel.
  [[nodiscard]] std::int64_t stride() const { return as_they_lie() ? layer_.channels : width_; }

 private:
  [[nodiscard]] bool as_they_lie() const { return layer_.prologue == nullptr; }
  [[nodiscard]] std::size_t elements(std::int64_t rows) const {
    return static_cast<std::size_t>(rows * layer_.columns * width_);
  }
  /// The first pixel of a row of x.
  [[nodiscard]] const float* in_memory(std::int64_t r) const {
    return layer_.x + (image_ * layer_.rows + r) * layer_.columns * layer_.x_channels;
  }
  void make(std::int64_t first, std::int64_t rows, float* to) const;

  const LayerInput& layer_;
  std::int64_t image_, channel_, width_, together_, kept_;
  std::int64_t end_ = 0;  ///< rows before it are ready, or not wanted
  RowScratch& scratch_;
};

}  // namespace ttscale::ops
