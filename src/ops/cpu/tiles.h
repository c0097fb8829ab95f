// SPDX-License-Identifier: MIT
// Runs of channels as lanes, for the loops over pixels.
#pragma once

#include "base/lanes.h"
#include "ops/cpu/loops.h"

namespace ttscale::ops {
namespace {

using namespace simd;

/// Channels in runs of lanes: a tile is what is loaded at once. The last tile ends with the last channel: where tiles
/// do not divide the channels it overlaps the tile before, and channels in both have two lanes.
template <typename T>
struct Tiles {
  using L = Lanes<T, Register<T>::kElements>;
  static constexpr int64_t kWidth = Register<T>::kElements;
  int64_t channels;

  [[nodiscard]] TTSCALE_INLINE int64_t count() const { return (channels + kWidth - 1) / kWidth; }
  [[nodiscard]] TTSCALE_INLINE int64_t start(int64_t tile) const {
    const int64_t first = tile * kWidth;
    return first + kWidth <= channels ? first : channels - kWidth;
  }
  /// The place of a channel in an array with kWidth numbers a tile.
  [[nodiscard]] TTSCALE_INLINE int64_t lane(int64_t channel) const {
    const int64_t tile = channel / kWidth;
    return tile * kWidth + L::lane(static_cast<int>(channel - start(tile)));
  }
};

/// Fewer channels than this fill no tile on some CPU: on all of them `narrow_fold` pixels in a row pose as one with as
/// many times the channels.
constexpr int64_t kNarrow = 32;
TTSCALE_INLINE int64_t narrow_fold(int64_t channels) { return channels <= 8 ? 32 : (channels < 16 ? 16 : 8); }

}  // namespace
}  // namespace ttscale::ops
