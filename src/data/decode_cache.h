// SPDX-License-Identifier: MIT
// Decoded images, kept as far as memory is granted: an evaluation meets the same files again and again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>

#include "image/decode.h"

namespace ttscale::data {

/// Keeps the first images that it decodes, up to a budget, and reads the others anew each time: streams meet all images
/// in turn, where the usual "forget the oldest" would forget each just before it is needed. Threads may share it.
class DecodeCache {
 public:
  /// `budget` in bytes of pixels.
  explicit DecodeCache(std::int64_t budget) : budget_(budget) {}

  /// uint8 [H, W, 3], which nobody may write to. Throws what image::decode() throws; failures are not kept.
  at::Tensor get(const std::filesystem::path& file, const image::DecodeLimits& limits);

 private:
  const std::int64_t budget_;
  std::mutex mutex_;  // of what follows
  std::int64_t used_ = 0;
  std::unordered_map<std::string, at::Tensor> images_;
};

}  // namespace ttscale::data
