// SPDX-License-Identifier: MIT
// Options -> model, images and plan, checked against each other before any image is read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "data/order.h"
#include "eval/options.h"
#include "eval/result.h"
#include "ttscale/adapter.h"
#include "ttscale/input.h"
#include "ttscale/reference.h"

namespace ttscale::eval {

/// Everything an evaluation works with.
struct Setup {
  data::ImageTree tree;
  data::Order order;
  InputScaling input;  ///< with the reference of the preprocessing
  AdaptedModel model;
  EvalPlan plan;
};

/// Reads rules, order, class names, images and model, cheapest first. Throws what evaluate() documents.
Setup prepare(const EvalOptions& options);

/// Reads a reference file, if one is named; warns if it was measured with another preprocessing (the text of
/// image::Preprocessing::describe()). Throws DataError for a file that is none.
std::optional<Reference> read_reference(const std::filesystem::path& file, const std::string& preprocessing);

/// The images of a domain in the order of the stream, at most `num_samples` of them.
std::vector<data::Sample> stream_of(const data::Domain& domain, const data::Order& order, const EvalOptions& options);

}  // namespace ttscale::eval
