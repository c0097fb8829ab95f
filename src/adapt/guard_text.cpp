// SPDX-License-Identifier: MIT
// Guards in words: options, evidence, decisions.
#include <cmath>
#include <cstdio>

#include "base/option_text.h"
#include "ttscale/error.h"
#include "ttscale/guard.h"

namespace ttscale {
namespace {

constexpr Bounds kShare{0, 1};

std::string format(const char* pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), pattern, value);
  return buffer;
}

std::string percent(double share) { return format("%.0f %%", 100 * share); }

std::string in_words(const GuardEvidence& e) {
  return "adapting against not adapting " + format("%+.0f", 100 * e.gain) + " +- " + format("%.0f", 100 * e.error) +
         " points by estimate, same class " + percent(e.agreement) + ", confidence " + percent(e.adapted_confidence) +
         " against " + percent(e.source_confidence) + ", effective classes " + format("%.1f", e.adapted_classes) +
         " against " + format("%.1f", e.source_classes);
}

const char* meaning(GuardAction action) {
  switch (action) {
    case GuardAction::kKeep:
      return "adapting as the rule says";
    case GuardAction::kBlend:
      return "adapting half as much";
    case GuardAction::kHold:
      return "the statistics rest";
    case GuardAction::kRollBack:
      return "rolled back: the source model answers";
  }
  return "";
}

}  // namespace

Guard parse_guard(const std::string& text) {
  Guard out;
  out.fraction = text == "off" ? 0 : read_number("guard", "share", text, kShare);
  return out;
}

std::string to_string(const Guard& guard) {
  if (guard.fraction == 0) {
    return "off";
  }
  const double whole = std::round(1 / guard.fraction);
  return whole > 1 && 1 / whole == guard.fraction ? "1/" + number_text(whole) : number_text(guard.fraction);
}

void validate(const Guard& guard) { check_number("guard", "share", guard.fraction, kShare); }

const char* to_string(GuardAction action) {
  switch (action) {
    case GuardAction::kKeep:
      return "keep";
    case GuardAction::kBlend:
      return "blend";
    case GuardAction::kHold:
      return "hold";
    case GuardAction::kRollBack:
      return "roll back";
  }
  return "";
}

std::string describe(const GuardDecision& decision) {
  return "after " + std::to_string(decision.images) + " images: " + to_string(decision.action) + " (" +
         meaning(decision.action) + "): " + in_words(decision.evidence);
}

std::string describe(const GuardReport& report) {
  if (!report.moments.empty()) {
    GuardReport predictions = report;
    predictions.moments.clear();
    return describe(predictions) + "; " + report.moments;
  }
  if (report.guard.fraction == 0) {
    return "guard off";
  }
  const std::string head = "guard " + to_string(report.guard) + ": ";
  if (!report.unable.empty()) {
    const bool left = report.action != GuardAction::kKeep;
    return head + (left ? std::string(meaning(report.action)) + ", and cannot watch any more, " : "cannot watch, ") +
           report.unable;
  }
  if (report.compared == 0) {
    return head + "nothing compared yet";
  }
  std::string out = head + meaning(report.action) + "; " + std::to_string(report.compared) + " images compared";
  if (report.evidence.images > 0) {
    out += ": " + in_words(report.evidence);
  }
  return out;
}

}  // namespace ttscale
