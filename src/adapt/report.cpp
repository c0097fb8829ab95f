// SPDX-License-Identifier: MIT
// The printed form of a stream's report.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <string>

#include "ttscale/adapter.h"

namespace ttscale {
namespace {

/// What became of channels without a spread (stats/rules.h, step()).
const char* fate_of_dead(const std::string& rule) {
  const bool automatic = rule == "auto" || rule.rfind("auto:", 0) == 0;
  return automatic ? " followed as far as the weight lets them" : " kept the source variance";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const StreamReport& report) {
  std::size_t width = 4;
  for (const auto& site : report.sites) {
    width = std::max(width, site.name.size());
  }
  std::ostringstream text;  // leaves the caller's format flags alone
  text << "rule " << report.rule << ": " << report.images << " images in " << report.batches << " batches";
  if (report.rejected > 0) {
    text << ", " << report.rejected << " rejected for NaN or Inf";
  }
  text << "\n"
       << std::left << std::setw(static_cast<int>(width)) << "site"
       << "  batch from source  used from source\n"
       << std::fixed << std::setprecision(4);
  for (const auto& site : report.sites) {
    text << std::left << std::setw(static_cast<int>(width)) << site.name << std::right << std::setw(19);
    if (std::isnan(site.batch_distance)) {
      text << "-";
    } else {
      text << site.batch_distance;
    }
    text << std::setw(18) << site.used_distance;
    if (site.dead_channels > 0) {
      text << "  " << site.dead_channels << (site.dead_channels == 1 ? " dead channel" : " dead channels")
           << fate_of_dead(report.rule);
    }
    text << "\n";
  }
  text << "squared Hellinger distance, mean over channels: 0 = same statistics, 1 = disjoint, - = not measured\n";
  if (!report.unoptimized.empty() && report.rule != "source") {
    text << "not optimised: " << report.unoptimized << "\n";
  }
  if (report.guard.guard.fraction > 0) {
    text << describe(report.guard) << "\n";
    for (const GuardDecision& decision : report.guard.decisions) {
      text << "  " << describe(decision) << "\n";
    }
  }
  for (const std::string& finding : report.findings) {
    text << "found: " << finding << "\n";
  }
  for (const std::string& warning : report.warnings) {
    text << "warning: " << warning << "\n";
  }
  return out << text.str();
}

}  // namespace ttscale
