// SPDX-License-Identifier: MIT
// Options -> model, images and plan, checked against each other before any image is read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "eval/images.h"
#include "eval/label_maps.h"
#include "eval/options.h"
#include "eval/protocol.h"
#include "eval/result.h"
#include "shift/shift.h"
#include "ttscale/adapter.h"
#include "ttscale/input.h"
#include "ttscale/reference.h"

namespace ttscale::eval {

/// A stream to run: the unit of work.
struct Unit {
  std::size_t setting = 0;                               ///< index into EvalPlan::settings
  std::int64_t stream = 0;                               ///< which stream of the setting
  std::shared_ptr<const std::vector<StreamPlan>> plans;  ///< all streams of the protocol and seed

  [[nodiscard]] const StreamPlan& plan() const { return (*plans)[static_cast<std::size_t>(stream)]; }
};

/// Everything an evaluation works with.
struct Setup {
  data::ImageTree tree;
  LabelMaps label_maps;  ///< segmentation
  std::vector<EvalDomain> domains;
  std::vector<shift::Shift> shifts;
  std::vector<Unit> units;    ///< of this shard
  std::vector<Reset> resets;  ///< a setting each
  InputScaling input;         ///< with the reference of the preprocessing
  AdaptedModel model;
  EvalPlan plan;
};

/// Reads rules, order, class names, images and model, cheapest first. Throws what evaluate() documents.
Setup prepare(const EvalOptions& options);

/// Writes the order of the one protocol and seed (export_order()). Throws UsageError if there are several.
void save_order(const EvalOptions& options, const Setup& setup);

/// bool [K]: the classes of the tree that have no images.
at::Tensor absent_classes(const data::ImageTree& tree);

/// Reads a reference file, if one is named; warns if it was measured with another preprocessing (the text of
/// image::Preprocessing::describe()). Throws DataError for a file that is none.
std::optional<Reference> read_reference(const std::filesystem::path& file, const std::string& preprocessing);

}  // namespace ttscale::eval
