// SPDX-License-Identifier: MIT
// Two rules on the same segmented images: by how much the mIoU of the second is higher, and whether that could be
// chance.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/classification.h"
#include "metrics/paired.h"
#include "metrics/segmentation.h"

namespace ttscale::metrics {

/// The areas of each class in each image under a first rule ("source") and a second ("adapted").
class PairedSegmentation {
 public:
  /// Adds an image: Segmentation::class_areas() of it alone under both rules. Throws UsageError for another number of
  /// classes than before.
  void add(const std::vector<ClassArea>& source, const std::vector<ClassArea>& adapted);

  [[nodiscard]] std::int64_t images() const { return images_; }

  /// mIoU of adapted less that of source over all images together, -1..1; NaN without an area.
  [[nodiscard]] double difference() const;

  /// Percentile interval of difference() by the paired bootstrap (Efron 1979): images are drawn with replacement, as
  /// many as there are, both rules meet the same draw, and the mIoU of each draw is taken from its summed areas. Draws
  /// without any labelled or predicted pixel are left out. Image floor(u n) is drawn for each uniform number u in
  /// [0, 1) with 53 bits of std::mt19937_64(seed), so the same seed gives the same bits on every machine. Ends are
  /// those of bootstrap_interval(). NaN without images. Throws UsageError for options that cannot be used.
  [[nodiscard]] Interval interval(const BootstrapOptions& options = {1000}) const;

 private:
  /// A class that an image shows under either rule.
  struct Entry {
    std::int64_t image = 0;
    std::int64_t label = 0;
    ClassArea source;
    ClassArea adapted;
  };

  [[nodiscard]] std::vector<double> sorted_differences(const BootstrapOptions& options) const;

  std::vector<Entry> entries_;
  std::int64_t images_ = 0;
  std::int64_t classes_ = 0;
};

}  // namespace ttscale::metrics
