// SPDX-License-Identifier: MIT
// The limits and their bounds.
#include "adapt/limits.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "stats/rules.h"

namespace ttscale {
namespace {

/// Statistics of fewer say more of their images than of the domain.
constexpr std::int64_t kFewImages = 16;
/// Rules that know one batch alone need it to be of at least so many.
constexpr double kSmallBatch = 4;
/// Predictions that are worth fewer classes than this, of five or more, tell hardly any image from another.
constexpr double kCollapsed = 1.5;
constexpr double kFewestCompared = 32;

bool knows_one_batch(const Rule& rule) {
  return std::holds_alternative<rule::Batch>(rule) || std::holds_alternative<rule::MedBn>(rule);
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

}  // namespace

std::vector<std::string> limits(const StreamReport& report, const Rule& rule, const std::vector<Site>& sites) {
  std::vector<std::string> out;
  const bool rests_on_them = stats::has_state(rule) && report.guard.action != GuardAction::kRollBack;
  if (rests_on_them && report.images > 0 && report.images < kFewImages) {
    out.push_back("the statistics rest on " + std::to_string(report.images) + " images; expect little of fewer than " +
                  std::to_string(kFewImages));
  }
  if (knows_one_batch(rule) && report.batches > 0) {
    const double batch = static_cast<double>(report.images) / static_cast<double>(report.batches);
    if (batch < kSmallBatch) {
      out.push_back("batches of " + number(batch) +
                    " images on average are too small for batch statistics alone; use auto, or a rule that remembers");
    }
  }
  const GuardEvidence& seen = report.guard.evidence;
  if (seen.images >= kFewestCompared && report.guard.classes >= 5 &&
      std::max(seen.adapted_classes, seen.source_classes) < kCollapsed) {
    out.push_back("nearly all predictions are of one class, adapted (" + number(seen.adapted_classes) +
                  " effective classes) or not (" + number(seen.source_classes) +
                  "): unless the stream shows nothing else, the shift is too extreme for statistics to mend");
  }
  const bool only_features =
      !sites.empty() && std::all_of(sites.begin(), sites.end(), [](const Site& s) { return s.kind == "features"; });
  if (only_features) {
    out.emplace_back(
        "the model has no BatchNorm that could be adapted (layers such as LayerNorm take statistics from each image "
        "already); only the input of its last layer is, with small gains");
  }
  return out;
}

}  // namespace ttscale
