// SPDX-License-Identifier: MIT
// Says in one line what a model offers, and what to do where it offers nothing.
#include <algorithm>

#include "graph/sites.h"

namespace ttscale::graph {
namespace {

std::string counted(std::int64_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::int64_t count_of(const FoundSites& found, const std::string& name) {
  const auto it = found.operators.find(name);
  return it == found.operators.end() ? 0 : it->second;
}

std::int64_t chosen(const FoundSites& found, const char* kind) {
  return std::count_if(found.features.begin(), found.features.end(),
                       [&](const FoundSite& feature) { return feature.site.chosen && feature.site.kind == kind; });
}

/// Of normalisation layers that are no BatchNorm.
std::string what_norms_do(const FoundSites& found) {
  return std::all_of(found.sites.begin(), found.sites.end(),
                     [](const FoundSite& site) { return site.site.note.find("already") != std::string::npos; })
             ? "take statistics from each image already"
             : "cannot be adapted";
}

/// What to do about feature sites; empty if there are none to take.
std::string calibration_advice(const FoundSites& found) {
  const char* const how =
      "measure them on clean images (ttscale calibrate MODEL --data CLEAN --out FILE), then adapt with "
      "--reference FILE";
  const auto convolutions = chosen(found, "convolution");
  if (convolutions > 0) {
    return "found " + counted(convolutions, "convolution") + " with a bias, as a folded BatchNorm leaves it; " + how;
  }
  if (chosen(found, "features") > 0) {
    const auto norms = static_cast<std::int64_t>(found.sites.size());
    return (norms > 0 ? "found " + counted(norms, found.sites.front().site.kind + " call") + ", which " +
                            what_norms_do(found) + "; "
                      : "found no normalisation layer; ") +
           "the input of the last layer can be adapted, with small gains: " + how;
  }
  return {};
}

std::string summarise_nothing(const FoundSites& found) {
  const std::string nothing = "no BatchNorm layer that can be adapted: ";
  if (is_adapted(found)) {
    return nothing + kAdaptedAlready;
  }
  const auto quantized = count_of(found, "quantized operator");
  if (quantized > 0) {
    return nothing + "found " + counted(quantized, "quantized operator") + "; bring the float model";
  }
  const auto batch_norm = std::find_if(found.sites.begin(), found.sites.end(), [](const FoundSite& s) {
    return s.site.kind.find("batch_norm") != std::string::npos;
  });
  if (batch_norm != found.sites.end()) {
    return nothing + batch_norm->site.name + ": " + batch_norm->site.note;
  }
  if (std::string advice = calibration_advice(found); !advice.empty()) {
    return nothing + advice;
  }
  if (count_of(found, kPackedOperator) > 0) {
    return nothing +
           "found packed mobile operators, into which optimize_for_mobile folds BatchNorm and which do not give their "
           "weights back; bring the archive as it was saved before that";
  }
  if (count_of(found, "call through an interface") > 0) {
    return nothing +
           "found calls through module interfaces, which cannot be looked into; script the model without them";
  }
  if (!found.sites.empty()) {
    return nothing + "found " +
           counted(static_cast<std::int64_t>(found.sites.size()), found.sites.front().site.kind + " call") +
           " in its place, which " + what_norms_do(found) + "; only --input scaling ahead of the model applies";
  }
  return nothing +
         "found no normalisation layer and no layer with weights before the last; only --input scaling ahead of the "
         "model applies";
}

std::string summarise_some(const FoundSites& found, std::int64_t adaptable) {
  const auto total = static_cast<std::int64_t>(found.sites.size());
  std::string line = std::to_string(adaptable) + " of " + counted(total, "normalisation layer") + " can be adapted";
  if (const auto folded = chosen(found, "convolution"); folded > 0) {
    line += "; so can " + counted(folded, "convolution") +
            " with a bias, as a folded BatchNorm leaves it, once ttscale calibrate has measured them on clean images";
  }
  const auto opaque = count_of(found, "call through an interface");
  if (opaque > 0) {
    line += "; " + counted(opaque, "call") +
            " through module interfaces cannot be looked into, what they hold stays as it is";
  }
  const auto quantized = count_of(found, "quantized operator");
  if (quantized > 0) {
    line += "; " + counted(quantized, "quantized operator") + " stay as they are";
  }
  const auto changes = count_of(found, kAttributeChange);
  if (changes > 0) {
    line += "; the model changes " + counted(changes, "attribute") +
            " of its own, which each stream copies and reset() leaves alone";
  }
  if (found.traced_in_training) {
    const auto random = count_of(found, "random operator");
    line += "; traced in training mode" +
            (random > 0 ? ", in which " + counted(random, "random operator") + " stay random" : std::string());
  }
  return line;
}

}  // namespace

bool is_adapted(const FoundSites& found) {
  return count_of(found, kAdaptedSite) > 0 ||
         std::any_of(found.sites.begin(), found.sites.end(),
                     [](const FoundSite& site) { return site.site.kind == kAdaptedKind; });
}

std::string summarise(const FoundSites& found) {
  const auto adaptable =
      std::count_if(found.sites.begin(), found.sites.end(), [](const FoundSite& s) { return s.site.adaptable; });
  const auto unpacked = count_of(found, kUnpackedOperator);
  return (adaptable == 0 ? summarise_nothing(found) : summarise_some(found, adaptable)) +
         (unpacked > 0 ? "; " + counted(unpacked, "mobile operator") +
                             " unpacked into ordinary layers, which give the same up to rounding"
                       : std::string());
}

}  // namespace ttscale::graph
