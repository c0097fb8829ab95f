// SPDX-License-Identifier: MIT
// Scales the output channels of weights that oneDNN has packed, where they lie: packing scaled weights anew takes three
// times as long.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// Where the output channels lie in a packed weight of float32.
class PackedChannels {
 public:
  /// Finds out for a weight [C, ...] of float32 and what `pack` has made of it. None where LibTorch does not show
  /// packed memory, or where channels do not lie as blocks of 8 neighbours or of one.
  static std::optional<PackedChannels> find(const at::Tensor& weight, const at::Tensor& packed,
                                            const std::function<at::Tensor(const at::Tensor& weight)>& pack);

  /// Writes `packed` times `scale` [C] (float32, contiguous) into `out`, both as `pack` has made them. Says whether
  /// they are.
  [[nodiscard]] bool scale(const at::Tensor& packed, const at::Tensor& scale, const at::Tensor& out) const;

 private:
  std::vector<std::int32_t> blocks_;  ///< first channel of 8 that follow each other; -1 - c: all of channel c
};

}  // namespace ttscale::ops
