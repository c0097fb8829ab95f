// SPDX-License-Identifier: MIT
// Which images a report shows: those on which a rule lost or gained most against source.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image_tree.h"
#include "eval/result.h"
#include "metrics/classification.h"

namespace ttscale::eval {

/// Appends an example for every image that exactly one of both has right, with path, label, both opinions and the gain
/// in negative log-likelihood; setting, domain and rule are left to the caller. Images without a softmax are passed
/// over.
void add_examples(std::vector<Example>& examples, const std::vector<metrics::Prediction>& source,
                  const std::vector<metrics::Prediction>& adapted, const std::vector<data::Sample>& samples);

/// Keeps the `losses` greatest losses, the greatest first, then half as many (rounded up) of the greatest gains.
/// Equals are ordered by domain, path and setting, so the outcome does not depend on the order or grouping of calls.
void keep_examples(std::vector<Example>& examples, std::int64_t losses);

/// Adds examples of several rules to those of a result, and keeps of each rule what keep_examples() keeps. The rules
/// stay in the order in which they first came.
void add_ranked(std::vector<Example>& examples, const std::vector<Example>& more, std::int64_t losses);

}  // namespace ttscale::eval
