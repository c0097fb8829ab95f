// SPDX-License-Identifier: MIT
// Two rules on the same images: what the second repaired and what it broke, and whether that could be chance.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "metrics/classification.h"

namespace ttscale::metrics {

/// Images by what the first rule ("source") and the second ("adapted") made of them. The five add up to all images.
/// A prediction without a softmax (index -1) is wrong, and the same as another of its kind.
struct PairedCounts {
  std::int64_t both_right = 0;
  std::int64_t repaired = 0;              ///< source wrong, adapted right
  std::int64_t broken = 0;                ///< source right, adapted wrong
  std::int64_t both_wrong_same = 0;       ///< wrong with the same class
  std::int64_t both_wrong_different = 0;  ///< wrong with two classes

  /// Adds a batch: the predictions of both rules for the same images, and their labels (int64 [N], on the CPU). Throws
  /// UsageError unless all three have the same length.
  void add(const std::vector<Prediction>& source, const std::vector<Prediction>& adapted, const at::Tensor& labels);

  /// Adds what another has seen.
  void merge(const PairedCounts& other);

  [[nodiscard]] std::int64_t images() const;
  /// Images whose predicted class is another one under `adapted`.
  [[nodiscard]] std::int64_t changed() const { return repaired + broken + both_wrong_different; }
  /// Top-1 of adapted less that of source, -1..1; NaN without images.
  [[nodiscard]] double difference() const;
};

/// Exact two-sided p-value of McNemar (1947): the probability that, with each image on which exactly one rule is right
/// going either way with probability 1/2, `repaired` and `broken` come out at least that unequal. 1 where no image
/// speaks for either.
double mcnemar_p(const PairedCounts& counts);

/// Options of bootstrap_interval().
struct BootstrapOptions {
  std::int64_t resamples = 10000;
  std::uint64_t seed = 0;
  double level = 0.95;  ///< share of the resamples inside the interval, in (0, 1)
};

/// Percentile interval of difference() by the paired bootstrap (Efron 1979): images are drawn with replacement, as many
/// as there are, with what both rules made of them. Only how many of the drawn images are repaired and broken matters,
/// so these two numbers are drawn in place of images: Binomial(n, discordant / n), then Binomial(that,
/// repaired / discordant). Both ends are values that occurred: with k = floor((1 - level) / 2 * resamples), the
/// (k+1)-smallest and the (k+1)-largest. The same seed gives the same bits on every machine. NaN without images. Throws
/// UsageError for options that cannot be used.
Interval bootstrap_interval(const PairedCounts& counts, const BootstrapOptions& options = {});

}  // namespace ttscale::metrics
