// SPDX-License-Identifier: MIT
// Reference moments: what the layers of a model give on clean images. They make models without BatchNorm, or with
// BatchNorm folded away, adaptable, and models with BatchNorm adaptable better.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ttscale/export.h"

namespace ttscale {

/// The moments of one site on clean images: tensors [C], float64, on the CPU.
struct ReferenceSite {
  std::string name;  ///< as inspect() calls it
  at::Tensor mean, var;
  at::Tensor eps;  ///< added to variances: of the folded BatchNorm where it is known, else a small share of `var`
  /// Standard error of the mean over the spread, its median over the channels: how far chance alone may have moved the
  /// reference. 0 where the reference is exact.
  double uncertainty = 0;
  /// Squared Hellinger distance of these moments from those that a BatchNorm would give if its running statistics were
  /// those of the clean images, mean over the channels that live, 0 to 1; negative where it is not known.
  double stored_distance = -1;
  /// What rule::Ttn weighs channels by [C]; undefined where no shifted images were seen. Mean over the shifted domains
  /// of the squared distance of the domain's mean from `mean`, less what chance adds to it, >= 0.
  at::Tensor domain_shift = {};
  /// Variance of the means of single images within a domain: unbiased, pooled over the shifted domains.
  at::Tensor image_spread = {};
};

/// Reference moments of a model.
struct TTSCALE_API Reference {
  std::string model;          ///< number that tells the model from others: its operators, parameters and constants
  std::string preprocessing;  ///< how the images were made; empty where it was the caller's business
  std::int64_t images = 0;    ///< seen; 0 where the moments come from an unfolded twin of the model
  std::vector<ReferenceSite> sites;
  std::vector<std::string> domains;  ///< shifted domains that `domain_shift` and `image_spread` were measured on
  at::Tensor input_mean, input_var;  ///< of the model's input [C]; undefined where there were no images

  /// A line in words on the BatchNorms whose stored statistics are not those of the clean images; empty if all are, or
  /// it is not known. Rules that follow the stream take such a difference for a shift, and break the model; with the
  /// reference they do not, since it says where clean images lie.
  [[nodiscard]] std::string mismatch() const;

  /// Writes the file, whole or not at all: a pickled dictionary that torch.load(weights_only=True) reads. Throws Error
  /// naming the path and the reason.
  void save(const std::filesystem::path& file) const;

  /// Reads what save() wrote. Throws DataError if the file is missing, damaged, of another format, or holds numbers
  /// that no moments can be.
  static Reference load(const std::filesystem::path& file);
};

/// The largest uncertainty of a site that needs no warning: a tenth of the spread, which is what the mean of a hundred
/// independent images has.
inline constexpr double kSureReference = 0.1;

}  // namespace ttscale
