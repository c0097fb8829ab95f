// SPDX-License-Identifier: MIT
// Options -> model, images and plan, checked against each other before any image is read.
#pragma once

#include <vector>

#include "data/image_tree.h"
#include "data/order.h"
#include "eval/options.h"
#include "eval/result.h"
#include "ttscale/adapter.h"
#include "ttscale/input.h"

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

/// The images of a domain in the order of the stream, at most `num_samples` of them.
std::vector<data::Sample> stream_of(const data::Domain& domain, const data::Order& order, const EvalOptions& options);

}  // namespace ttscale::eval
