// SPDX-License-Identifier: MIT
// Pairs, and labels that go through the geometry of their image.
#include "eval/label_maps.h"

#include <algorithm>
#include <limits>

#include "data/class_map.h"
#include "image/decode_labels.h"
#include "image/fit_labels.h"
#include "metrics/segmentation.h"

namespace ttscale::eval {

LabelMaps::LabelMaps(const data::SegmentationTree& tree) {
  for (const data::SegmentationDomain& domain : tree.domains) {
    for (const data::SegmentationSample& sample : domain.samples) {
      files_.emplace(sample.image.string(), sample.labels);
    }
  }
}

data::SegmentationSample LabelMaps::pair_of(const std::filesystem::path& image) const {
  return {image, files_.at(image.string())};
}

std::int64_t ignored_label(const EvalOptions& options) { return options.ignore_index.value_or(metrics::kIgnoreIndex); }

data::SegmentationTree read_pairs(const EvalOptions& options) {
  return options.labels.empty() ? data::discover_segmentation(options.data)
                                : data::discover_segmentation(options.data, options.labels);
}

data::ImageTree images_of(const data::SegmentationTree& pairs, const EvalOptions& options) {
  data::ImageTree tree;
  tree.root = pairs.root;
  if (options.class_map) {
    tree.classes = data::read_class_map(*options.class_map, options.data);
    tree.classes_file = options.class_map->string();
  } else if (!options.classes.empty()) {
    tree.classes = options.classes;
    tree.classes_file = options.classes_file;
  }
  for (const data::SegmentationDomain& domain : pairs.domains) {
    data::Domain images{domain.name, {}, {}};
    for (const data::SegmentationSample& sample : domain.samples) {
      images.samples.push_back({sample.image, 0});
    }
    tree.domains.push_back(std::move(images));
  }
  return tree;
}

data::ImageTree files_of(const data::SegmentationTree& pairs) {
  data::ImageTree tree;
  tree.root = pairs.root;
  for (const data::SegmentationDomain& domain : pairs.domains) {
    data::Domain files{domain.name, {}, {}};
    for (const data::SegmentationSample& sample : domain.samples) {
      files.samples.push_back({sample.image, 0});
      files.samples.push_back({sample.labels, 0});
    }
    tree.domains.push_back(std::move(files));
  }
  return tree;
}

at::Tensor read_label_map(const data::SegmentationSample& pair, const at::Tensor& hwc, const EvalOptions& options) {
  constexpr std::int64_t kAnyClass = std::numeric_limits<std::int64_t>::max();
  const std::int64_t ignored = ignored_label(options);
  const at::Tensor labels = data::read_labels(pair, hwc.size(0), hwc.size(1), kAnyClass, ignored, options.decode);
  return image::fit_labels(labels, options.preprocessing, ignored);
}

void check_label_map(const at::Tensor& label_map, const data::SegmentationSample& pair, std::int64_t classes,
                     const EvalOptions& options) {
  const std::int64_t ignored = ignored_label(options);
  const at::Tensor labels = label_map.contiguous();
  const auto* begin = labels.data_ptr<std::int64_t>();
  const bool wrong = std::any_of(begin, begin + labels.numel(),
                                 [=](std::int64_t label) { return label >= classes && label != ignored; });
  if (wrong) {  // the file as it is, for the place of the value
    const at::Tensor all = image::decode_labels(pair.labels, options.decode);
    (void)data::read_labels(pair, all.size(0), all.size(1), classes, ignored, options.decode);
  }
}

}  // namespace ttscale::eval
