// SPDX-License-Identifier: MIT
// Finds images and their label maps in a folder of domains, and reads label maps.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "image/decode.h"

namespace ttscale::data {

/// An image and the PNG with the class of each of its pixels.
struct SegmentationSample {
  std::filesystem::path image;
  std::filesystem::path labels;
};

/// Images of one kind: a folder with `images` and `labels` in it, or one of images whose labels lie elsewhere.
struct SegmentationDomain {
  std::string name;                         ///< path below the root ("fog/3"); basename of the root for the root itself
  std::vector<SegmentationSample> samples;  ///< by (directory, file name) of the image in plain string order
};

/// The domains below a root.
struct SegmentationTree {
  std::filesystem::path root;
  std::vector<SegmentationDomain> domains;  ///< in natural order of their names; at least one

  /// Several lines: domains and images, for logs.
  [[nodiscard]] std::string summary() const;
};

/// Reads a tree. A folder is a domain when it has a folder `images`; its folder `labels` holds a PNG at the same path
/// for each image ("images/a/1.jpg", "labels/a/1.png"). Folders without are levels of names (kind, severity), any
/// number of them. Links are followed, loops are not; folders that start with a dot are passed over. No file is opened.
/// Throws DataError naming the path for: a missing root, no domain, a domain without `labels` or without images, an
/// image without labels, labels without an image, two images for one PNG.
SegmentationTree discover_segmentation(const std::filesystem::path& root);

/// Reads a tree whose labels lie in a folder of their own. A folder that holds images is a domain, with everything
/// below it; folders without are levels of names. The PNG of an image at "fog/3/a/1.jpg" is "fog/3/a/1.png" below
/// `labels` if it has a folder "fog/3", else "a/1.png": shifted copies of the same images share their labels. PNGs
/// without an image are passed over. Throws DataError naming the path for: a missing root, no images, an image without
/// labels, two images for one PNG, labels inside the folder of the images.
SegmentationTree discover_segmentation(const std::filesystem::path& root, const std::filesystem::path& labels);

/// The class of each pixel, int64 [H, W], from a PNG with one channel: gray of 1 to 16 bits or palette indices of 1 to
/// 8, always as stored, never scaled nor looked up. Throws DataError as image::decode() does, and naming file and value
/// for: another format, colour or alpha; a size other than [height, width] of its image; a value >= classes that is not
/// ignore_index.
at::Tensor read_labels(const SegmentationSample& sample, std::int64_t height, std::int64_t width, std::int64_t classes,
                       std::int64_t ignore_index, const image::DecodeLimits& limits = {});

}  // namespace ttscale::data
