// SPDX-License-Identifier: MIT
// What a stranger should know after ten seconds: the best rule, its gain, the worst loss.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/html/summary.h"

namespace ttscale::report::html {

/// A gain and where it was measured.
struct Finding {
  const Group* group = nullptr;
  std::string rule;
  std::string domain;  ///< empty: the mean over domains
  double value = eval::Scores::kNone;
  double source = eval::Scores::kNone;
  Gain gain;
};

/// How many domains a rule helps and hurts within a group.
struct Balance {
  std::size_t better = 0;
  std::size_t worse = 0;
  std::size_t equal = 0;
  std::size_t unclear = 0;  ///< of better and worse, those whose interval includes zero
  std::size_t known = 0;    ///< domains that have an interval

  [[nodiscard]] std::size_t all() const { return better + worse + equal; }
};

/// The findings of a page.
struct Verdict {
  std::optional<Finding> best;   ///< the greatest mean gain of an adapting rule
  std::optional<Finding> worst;  ///< the greatest loss on a domain; none where no rule loses anywhere
};

Verdict judge(const Summary& summary);

Balance balance_of(const Summary& summary, const Group& group, const std::string& rule);

}  // namespace ttscale::report::html
