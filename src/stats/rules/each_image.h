// SPDX-License-Identifier: MIT
// The images of a batch as rules take them one by one: none lacks moments, and none lacks a spread.
#pragma once

#include "stats/rules.h"

namespace ttscale::stats {

struct EachImage {
  Moments moments;    ///< [N, C]; of an image that is not finite, those of the source
  at::Tensor finite;  ///< [N, 1]: 1 or 0
  at::Tensor count;   ///< []: how many are finite

  /// Mean [..] over the finite images of t [N, ..]; without any, 0.
  [[nodiscard]] at::Tensor mean(const at::Tensor& t) const;
};

/// A channel of an image whose biased variance is below kDeadShare of the source's, a single pixel for one, has the
/// source variance: its noise is never amplified.
EachImage each_image(const RuleInput& in, Variance variance);

}  // namespace ttscale::stats
