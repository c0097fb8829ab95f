// SPDX-License-Identifier: MIT
// What the operators of all sites do with x before it is normalised: measure it, and let the rule decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "ops/measured.h"
#include "stats/rules.h"

namespace ttscale::ops {

/// Measures what the rule asks for of x [N, C, ...], where that has not been done, and advances the state. Returns the
/// moments to normalise x with, [C] or [N, C]. `eps` is the layer's, [] or [C].
stats::Moments site_step(const Rule& rule, const Measured& x, const stats::Moments& source, const at::Tensor& eps,
                         stats::SiteState& state);

/// Counts the images of x, and the batch, as a rule that measures nothing does.
void count_images(const at::Tensor& x, stats::SiteState& state);

/// The moments [C] for the next `images` images where none of them is to be measured; they then count as offered.
std::optional<stats::Moments> step_ahead(const Rule& rule, std::int64_t images, const stats::Moments& source,
                                         stats::SiteState& state);

/// parse_rule(), which all sites of a forward ask for the same text. The rule stands until this thread asks for another
/// text.
const Rule& parsed_rule(const std::string& text);

}  // namespace ttscale::ops
