// SPDX-License-Identifier: MIT
// What a reader should do with a result, in a sentence, and why.
#pragma once

#include <string>

#include "report/html/summary.h"

namespace ttscale::report {

/// A recommendation without a full stop, and the numbers behind it as sentences. Empty where nothing can be said:
/// without `source`, without another rule, before a domain is finished, or of a part (`--shard`).
struct Advice {
  std::string what;      ///< "Adapt with batch", "Do not adapt", "Use batches >= 16 with batch"
  std::string evidence;  ///< "batch gains 32.30 points on average over 6 domains (5 clearly better, 1 clearly worse)."

  [[nodiscard]] bool empty() const { return what.empty(); }
};

/// A rule helps in a setting if its mean gain is positive and the 95 % interval of that mean excludes zero; where the
/// mean has no interval (several domains, one seed), if more domains gain clearly than lose clearly. "Clearly" again
/// means a 95 % interval without zero; where no domain has one, the sign decides. The advice names the rule that helps
/// in most settings, of equals the one with the greatest mean gain over settings.
Advice advise(const html::Summary& summary);

}  // namespace ttscale::report
