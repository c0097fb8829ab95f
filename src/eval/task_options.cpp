// SPDX-License-Identifier: MIT
// What needs one class an image, and what needs a class a pixel.
#include "eval/task_options.h"

#include <algorithm>
#include <array>
#include <string>

#include "data/order.h"
#include "eval/protocol.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

/// Kinds after which an object lies elsewhere. Blurs and pixelations leave it in place.
constexpr std::array<const char*, 2> kMovingKinds{"elastic_transform", "letterbox"};

void check_classification(const EvalOptions& options) {
  if (!options.labels.empty() || options.ignore_index) {
    throw UsageError(std::string(options.labels.empty() ? "ignore_index" : "labels") +
                     ": only segmentation has label maps; add --task segmentation, or remove it");
  }
}

[[noreturn]] void refuse(const std::string& what, const std::string& remedy) {
  throw UsageError(what + " needs one class an image, and segmentation has a class a pixel; " + remedy);
}

void check_segmentation(const EvalOptions& options) {
  for (const std::string& protocol : options.protocols) {
    if (parse_protocol(protocol)->needs_classes()) {
      refuse("protocol " + protocol, "use another, for example reset-each-domain or mixed");
    }
  }
  const std::string kind = options.order.substr(0, options.order.find(':'));
  if (kind == "sorted" || kind == "dirichlet") {
    refuse("order " + options.order, "use --order shuffled, or --order file:LIST");
  }
  if (options.valid_classes) {
    refuse("valid_classes", "remove --valid-classes; classes without pixels have no IoU and are in no mean");
  }
  if (options.class_order != data::ClassOrder::kLexical) {
    refuse("class_order", "remove --class-order; --class-map FILE names the classes");
  }
  if (options.examples > 0) {
    refuse("examples", "set it to 0");
  }
  if (options.ignore_index && (*options.ignore_index < 0 || *options.ignore_index > 65535)) {
    throw UsageError("ignore_index: expected 0 to 65535, the numbers that a PNG holds, found " +
                     std::to_string(*options.ignore_index));
  }
}

}  // namespace

void check_task(const EvalOptions& options) {
  options.task == Task::kClassification ? check_classification(options) : check_segmentation(options);
}

void check_shifts_of_task(Task task, const std::vector<shift::Shift>& shifts) {
  if (task == Task::kClassification) {
    return;
  }
  const auto moves = [](const std::string& kind) {
    return std::find(kMovingKinds.begin(), kMovingKinds.end(), kind) != kMovingKinds.end();
  };
  const auto moving = std::find_if(shifts.begin(), shifts.end(), [&](const auto& shift) { return moves(shift.kind); });
  if (moving == shifts.end()) {
    return;
  }
  std::string others;
  for (const shift::Shift& shift : shifts) {
    if (!moves(shift.kind) && (',' + others + ',').find(',' + shift.kind + ',') == std::string::npos) {
      others += (others.empty() ? "" : ",") + shift.kind;
    }
  }
  throw UsageError("shift: " + moving->kind + " moves what the image shows, and its labels would not follow; " +
                   (others.empty() ? "use another" : "name the others one by one: " + others));
}

}  // namespace ttscale::eval
