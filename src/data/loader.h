// SPDX-License-Identifier: MIT
// Reads, decodes and transforms images ahead of use, a bounded number of batches, in an order that threads cannot
// change.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/decode_cache.h"
#include "data/image_tree.h"
#include "image/decode.h"

namespace ttscale::data {

/// What happens when an image cannot be read.
enum class OnError {
  kStop,  ///< next() throws the DataError of the first such image, at the batch it belongs to
  kSkip,  ///< it is left out of its batch and listed in skipped()
};

/// The choice of that name ("stop", "skip"); throws UsageError for any other text.
OnError parse_on_error(const std::string& text);

/// uint8 [H, W, 3] of one image -> int64 [h, w], the class of each pixel of what the transform makes of it. Called as
/// a Transform is.
using LabelReader = std::function<at::Tensor(const at::Tensor& hwc, const Sample& sample)>;

/// Options of a Loader.
struct LoaderOptions {
  std::int64_t batch_size = 64;
  std::int64_t workers = 2;           ///< threads; 0: everything happens inside next()
  std::int64_t prefetch_batches = 2;  ///< batches held ready or in work beyond the one that next() waits for
  OnError on_error = OnError::kStop;
  image::DecodeLimits decode;
  std::shared_ptr<DecodeCache> cache;  ///< decoded images, kept from one pass to the next; none: each is read anew
  LabelReader label_maps;              ///< for segmentation; none: batches have no label maps
  bool may_be_empty = false;           ///< under kSkip: samples none of which can be read are no error

  /// Throws UsageError that names the first field that cannot be used.
  void validate() const;
};

/// uint8 [H, W, 3] of one image -> its tensor [C, h, w]. Called from several threads at once; the image is read only,
/// others may hold it.
using Transform = std::function<at::Tensor(const at::Tensor& hwc, const Sample& sample)>;

/// Images of one batch and where they came from.
struct Batch {
  at::Tensor images;            ///< [n, C, H, W], contiguous, dtype of the transform
  at::Tensor labels;            ///< int64 [n]
  at::Tensor label_maps;        ///< int64 [n, H, W] with LoaderOptions::label_maps, else undefined
  std::vector<Sample> samples;  ///< n of them
};

/// An image that was left out, and why.
struct Skipped {
  Sample sample;
  std::string reason;
};

/// One pass over samples. Batch i holds samples i*batch_size .. of the given order less the skipped ones, whatever the
/// number of workers, so a skipped image makes its batch smaller and moves no other image. One thread uses a Loader.
class Loader {
 public:
  /// Starts the workers. Throws UsageError for options that cannot be used.
  Loader(std::vector<Sample> samples, LoaderOptions options, Transform transform);
  /// Waits for images in work, drops the rest.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch with at least one image; nullopt at the end. Throws DataError for an unreadable image (kStop), for
  /// images of different sizes in one batch, and for a stream in which every image was skipped (unless it may be
  /// empty); whatever else a transform throws arrives unchanged. After an error the loader keeps throwing it.
  std::optional<Batch> next();

  /// Images left out so far, in the order of the samples.
  [[nodiscard]] const std::vector<Skipped>& skipped() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ttscale::data
