// SPDX-License-Identifier: MIT
// One batch in the making: images arrive in any order and from any thread, problems are told in the order of the
// samples.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <vector>

#include "data/loader.h"

namespace ttscale::data {

/// What a finished slot gives.
struct FinishedBatch {
  std::optional<Batch> batch;    ///< none if every image was skipped
  std::vector<Skipped> skipped;  ///< in the order of the samples
};

/// The place for the images of one batch. Each index is stored or failed once, by one thread; then finish() is called
/// once.
class BatchSlot {
 public:
  explicit BatchSlot(std::vector<Sample> samples);

  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }

  /// Copies the tensor of sample `index` into the batch, and its label map if it has one. Throws UsageError for what is
  /// no CPU tensor of three dimensions, and for a map that is not int64 of the image's height and width.
  void store(std::size_t index, const at::Tensor& image, const at::Tensor& label_map = {});

  /// Notes why sample `index` has no image.
  void fail(std::size_t index, std::exception_ptr error);

  /// Hands the batch out, or throws the first problem in the order of the samples, as described at Loader::next().
  FinishedBatch finish(OnError on_error);

 private:
  struct Outcome {
    std::vector<std::int64_t> sizes;  // empty: failed
    std::exception_ptr error;
  };

  void copy(at::Tensor& all, std::size_t index, const at::Tensor& one);
  void check_same_size(const Sample& first, std::size_t first_index, std::size_t index) const;

  std::vector<Sample> samples_;
  std::vector<Outcome> outcomes_;
  std::mutex mutex_;  // of both tensors while they are allocated
  at::Tensor images_;
  at::Tensor label_maps_;
};

}  // namespace ttscale::data
