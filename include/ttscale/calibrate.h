// SPDX-License-Identifier: MIT
// calibrate(): measures reference moments on clean images, or takes them from an unfolded twin of the model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ttscale/export.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"
#include "ttscale/reference.h"

namespace ttscale {

/// One pass over clean images. BatchNorm layers are measured as well: what they give on clean images is a better
/// reference than their running statistics, which were collected on augmented images by another network at every step.
/// The result does not depend on how they are batched, nor on their order.
class TTSCALE_API Calibration {
 public:
  /// Copies the module and watches its BatchNorm layers and the chosen feature sites (Site::chosen), or all sites whose
  /// name or kind passes one of the patterns (* ? and [...]; one that begins with * selects BatchNorm layers,
  /// convolutions and the last layer's input only, other patterns any layer); the input is always measured. Throws
  /// ModelError if forward does not take one tensor, or if there is no site to watch; UsageError for a pattern that
  /// selects nothing.
  explicit Calibration(const torch::jit::Module& module, const std::vector<std::string>& features = {},
                       const CallOptions& call = {});
  Calibration(Calibration&&) noexcept;
  Calibration& operator=(Calibration&&) noexcept;
  ~Calibration();

  /// Adds images [N, C, H, W] as the model takes them; any N, and any size that the model takes. Throws DataError for
  /// images with NaN or Inf or of another number of channels, ModelError if the model fails on them; what was added
  /// before is then kept.
  void add(const at::Tensor& images);

  /// Adds images [N, C, H, W] of a shifted domain, told from others by its name: the clean images under one corruption,
  /// or what another camera sees. They measure what rule::Ttn weighs channels by, and move no other moments. Throws as
  /// add() does.
  void add_shifted(const std::string& domain, const at::Tensor& images);

  /// The moments so far. Throws DataError if fewer than two images were added, clean or of a domain; ModelError naming
  /// a site whose features are not finite, or that no image has reached.
  [[nodiscard]] Reference result() const;

  /// The sites that are watched, in order of execution.
  [[nodiscard]] std::vector<Site> sites() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calibrates on all batches that `next` returns until it returns nothing.
TTSCALE_API Reference calibrate(const torch::jit::Module& module,
                                const std::function<std::optional<at::Tensor>()>& next,
                                const std::vector<std::string>& features = {}, const CallOptions& call = {});

/// Exact references without images: matches every folded convolution of `folded` with the convolution and BatchNorm of
/// `twin` that make it (weight and bias must agree), whose bias and weight are the moments on the training data.
/// Throws ModelError if none matches. Convolutions without a match are left out.
TTSCALE_API Reference reference_from_twin(const torch::jit::Module& folded, const torch::jit::Module& twin);

}  // namespace ttscale
