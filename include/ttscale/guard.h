// SPDX-License-Identifier: MIT
// The guard: a second look at some images by the model as it is, so that adapting never goes on where it does harm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ttscale/export.h"

namespace ttscale {

/// How much of a stream is watched.
struct Guard {
  /// The first images of a stream are all compared, so that what is wrong from the start is found at once.
  static constexpr std::int64_t kFirstImages = 32;

  double fraction = 1.0 / 16;  ///< share of the images that the source model sees as well, 0 (off) to 1
};

/// Reads "off", a share such as "1/16" or "0.1", or "1". Throws UsageError for anything else.
TTSCALE_API Guard parse_guard(const std::string& text);

/// "off", "1/16" where the share is one over a whole number, else the number.
TTSCALE_API std::string to_string(const Guard& guard);

/// Throws UsageError unless the share lies within 0 and 1.
TTSCALE_API void validate(const Guard& guard);

/// What a guard has a stream do.
enum class GuardAction {
  kKeep,      ///< adapt as the rule says
  kBlend,     ///< adapt half as much (only under rules that have a weight of their own: auto)
  kHold,      ///< adapt, and learn nothing from these images: the statistics rest
  kRollBack,  ///< answer with the source model; the statistics go back to where they last did good
};

/// "keep", "blend", "hold", "roll back"
TTSCALE_API const char* to_string(GuardAction action);

/// What the predictions of the source model and of the adapted one for the same images say, without labels. Of
/// segmentation outputs: means over pixels.
struct GuardEvidence {
  double images = 0;     ///< compared; older ones count less
  double batches = 0;    ///< that they came in, since the guard last acted
  double gain = 0;       ///< estimated accuracy of adapted less source, -1 to 1 (src/stats/comparison.h)
  double error = 0;      ///< its standard error
  double agreement = 0;  ///< share of images with the same class from both
  double source_confidence = 0, adapted_confidence = 0;  ///< mean probability of the predicted class
  double source_classes = 0, adapted_classes = 0;  ///< effective number: exp of the entropy of the mean prediction
};

/// A change of mind, and why.
struct GuardDecision {
  std::int64_t images = 0;  ///< of the stream so far
  GuardAction action = GuardAction::kKeep;
  GuardEvidence evidence;
};

struct GuardReport {
  Guard guard;
  std::string unable;         ///< why it cannot watch, in words; empty if it can
  std::string moments = {};   ///< what calibration found of the statistics that the model stores, in words: that they
                              ///< are not those of clean images; empty if they are, or without a reference
  std::int64_t compared = 0;  ///< images that both models saw
  std::int64_t classes = 0;   ///< of the model; 0 before the first comparison
  GuardAction action = GuardAction::kKeep;
  GuardEvidence evidence;
  std::vector<GuardDecision> decisions;  ///< oldest first
};

/// One line in words: what is compared, found and done.
TTSCALE_API std::string describe(const GuardReport& report);
TTSCALE_API std::string describe(const GuardDecision& decision);

}  // namespace ttscale
