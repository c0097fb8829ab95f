// SPDX-License-Identifier: MIT
// Counts of classes as JSON: images of a classification, areas of a segmentation.
#include <nlohmann/json.hpp>

#include "eval/json_columns.h"
#include "eval/result_json.h"

namespace ttscale::eval {
namespace {

using Json = nlohmann::ordered_json;
using metrics::ClassArea;

const std::vector<const char*> kCountColumns{"images", "correct"};
const std::vector<const char*> kAreaColumns{"intersection", "union"};

}  // namespace

Json classes_to_json(const RuleClasses& classes) {
  Json json = {{"rule", classes.rule}};
  if (classes.areas.empty()) {
    json.update(columns(classes.classes, kCountColumns, &ClassCount::images, &ClassCount::correct));
  } else {
    json.update(columns(classes.areas, kAreaColumns, &ClassArea::intersection, &ClassArea::union_area));
  }
  return json;
}

RuleClasses classes_from_json(const Json& json) {
  if (json.contains("union")) {
    return {json.at("rule"),
            {},
            read_columns<ClassArea>(json, kAreaColumns, &ClassArea::intersection, &ClassArea::union_area)};
  }
  return {
      json.at("rule"), read_columns<ClassCount>(json, kCountColumns, &ClassCount::images, &ClassCount::correct), {}};
}

}  // namespace ttscale::eval
