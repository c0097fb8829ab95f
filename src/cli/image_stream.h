// SPDX-License-Identifier: MIT
// The images below a folder as batches of model input, for commands that need no labels.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "data/image_tree.h"
#include "image/preprocess.h"

namespace ttscale::cli {

/// Throws UsageError that names a flag whose value is out of range.
void check(const ImageFlags& flags);

/// One pass over images. Folders are classes as a rule, and neighbours in a folder alike: the order is shuffled by the
/// seed, and with --num-samples the first so many are taken.
class ImageStream {
 public:
  /// Finds the images. Throws DataError if there are none.
  ImageStream(const std::filesystem::path& root, const ImageFlags& flags, image::Preprocessing preprocessing,
              Verbosity verbosity);

  /// "400 of 2000 images, 224x224, ...".
  [[nodiscard]] std::string describe() const;

  /// uint8 [H, W, 3] of an image and its path below the root -> uint8 [H, W, 3] that takes its place. Called from
  /// several threads at once.
  using Change = std::function<at::Tensor(const at::Tensor& hwc, const std::filesystem::path& path)>;

  /// Calls `use` with float32 [n, C, H, W] until all are done; shows progress, warns of images left out. With `change`
  /// each image is changed before it is preprocessed. Throws what reading them throws, and Error at Ctrl-C.
  void for_each_batch(const std::function<void(const at::Tensor&)>& use, const Change& change = {}) const;

 private:
  std::filesystem::path root_;
  std::vector<data::Sample> samples_;
  std::size_t found_ = 0;
  const ImageFlags& flags_;
  image::Preprocessing preprocessing_;
  Verbosity verbosity_;
};

}  // namespace ttscale::cli
