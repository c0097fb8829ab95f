// SPDX-License-Identifier: MIT
// Many images under many shifts, on several threads.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/loader.h"
#include "image/decode.h"
#include "image/encode.h"
#include "image/preprocess.h"
#include "shift/shift.h"

namespace ttscale::cli {

/// What is to be done.
struct CorruptPlan {
  std::filesystem::path source;
  std::filesystem::path target;
  std::vector<std::filesystem::path> images;  ///< below `source`
  std::vector<shift::Shift> shifts;
  shift::Parameters parameters = shift::Parameters::kImageNet;
  std::uint64_t seed = 0;
  image::Preprocessing geometry;
  image::Encoding encoding;
  image::DecodeLimits limits;
  std::int64_t workers = 2;
  data::OnError on_error = data::OnError::kStop;

  /// Where the copy of an image goes.
  [[nodiscard]] std::filesystem::path copy_of(const std::filesystem::path& image, const shift::Shift& shift) const;
};

/// What was done.
struct CorruptCounts {
  std::size_t images = 0;             ///< done with
  std::size_t written = 0;            ///< copies
  std::size_t kept = 0;               ///< copies that were there already
  std::vector<std::string> left_out;  ///< messages about unreadable images
};

/// Writes every copy that is not there yet, each complete or not at all. `watch` is called in this thread after every
/// image; what it throws ends the run after the images in work. Throws DataError for an unreadable image (on_error
/// stop) and Error for a file that cannot be written.
CorruptCounts corrupt_images(const CorruptPlan& plan, const std::function<void(const CorruptCounts&)>& watch);

}  // namespace ttscale::cli
