// SPDX-License-Identifier: MIT
// The rows that a depthwise convolution reads, in tiles (TiledRow, loops.h): brought there from memory, normalised on
// the way, or made on the way by the 1x1 convolution ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/cpu/loops.h"
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

/// Numbers that begin with a cache line: registers of them then lie in one.
class Lines {
 public:
  /// Room for `count` of them; what was there is lost if there was less.
  float* at_least(std::int64_t count);

 private:
  std::vector<float> storage_;
};

/// Memory of a thread.
struct RowScratch {
  Lines zeros;         ///< a row beyond the edge
  Lines ready;         ///< the latest rows
  Lines made;          ///< what the expansion makes, before it is brought into tiles
  Lines coefficients;  ///< of the prologue
  Lines taps, bias;    ///< of the depthwise convolution
};

/// Of one image and one run of channels.
class InputRows {
 public:
  /// `kept`: rows that the caller looks at together.
  InputRows(const LayerInput& layer, const LoopTable& loops, std::int64_t image, std::int64_t channel,
            const TiledRow& row, std::int64_t kept, RowScratch& scratch);

  /// Makes rows ready up to `end`, of which none before `first` will be asked for any more.
  void make_ready(std::int64_t end, std::int64_t first);

  /// A row that is ready; zeros for one outside the image.
  [[nodiscard]] const float* row(std::int64_t r) const;

  /// Where a row to come lies in memory; null if it does not.
  [[nodiscard]] const float* in_memory(std::int64_t r) const;

 private:
  [[nodiscard]] float* slot(std::int64_t r) const { return ready_ + r % kept_ * row_.elements(); }
  /// Row r, whose pixels lie `stride` elements apart at x, into its tiles.
  void bring(const float* x, std::int64_t stride, std::int64_t r) const;

  const LayerInput& layer_;
  const LoopTable& loops_;
  std::int64_t image_, channel_;
  TiledRow row_;
  std::int64_t together_;  ///< rows that are made at once
  std::int64_t kept_;
  std::int64_t end_ = 0;  ///< rows before it are ready, or not wanted
  float* zeros_;
  float* ready_;
  float* made_ = nullptr;
  float* coefficients_ = nullptr;
};

}  // namespace ttscale::ops
