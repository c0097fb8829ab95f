// SPDX-License-Identifier: MIT
// Looks up, decodes without holding the lock, keeps.
#include "data/decode_cache.h"

namespace ttscale::data {

at::Tensor DecodeCache::get(const std::filesystem::path& file, const image::DecodeLimits& limits) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto found = images_.find(file.native()); found != images_.end()) {
      return found->second;
    }
  }
  at::Tensor image = image::decode(file, limits);
  const auto bytes = static_cast<std::int64_t>(image.nbytes());
  const std::lock_guard<std::mutex> lock(mutex_);
  if (used_ + bytes <= budget_ && images_.emplace(file.native(), image).second) {
    used_ += bytes;
  }
  return image;
}

}  // namespace ttscale::data
