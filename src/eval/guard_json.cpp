// SPDX-License-Identifier: MIT
// What a guard did as JSON and back.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/message_text.h"
#include "eval/json_values.h"
#include "eval/result_json.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using Json = nlohmann::ordered_json;

/// The numbers of the evidence, by their names in the file.
struct EvidenceField {
  const char* name;
  double GuardEvidence::*value;
};
constexpr EvidenceField kEvidence[] = {{"images", &GuardEvidence::images},
                                       {"batches", &GuardEvidence::batches},
                                       {"gain", &GuardEvidence::gain},
                                       {"error", &GuardEvidence::error},
                                       {"agreement", &GuardEvidence::agreement},
                                       {"source_confidence", &GuardEvidence::source_confidence},
                                       {"adapted_confidence", &GuardEvidence::adapted_confidence},
                                       {"source_classes", &GuardEvidence::source_classes},
                                       {"adapted_classes", &GuardEvidence::adapted_classes}};

GuardAction action_from(const Json& json) {
  const std::string text = json;
  for (const GuardAction action :
       {GuardAction::kKeep, GuardAction::kBlend, GuardAction::kHold, GuardAction::kRollBack}) {
    if (text == ttscale::to_string(action)) {
      return action;
    }
  }
  throw DataError("guard: expected keep, blend, hold or roll back, found \"" + shown(text) + "\"");
}

Json decision_to_json(const GuardDecision& decision) {
  Json json = {{"images", decision.images}, {"action", ttscale::to_string(decision.action)}};
  for (const EvidenceField& field : kEvidence) {
    const double value = decision.evidence.*field.value;
    json["evidence"][field.name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  }
  return json;
}

GuardDecision decision_from_json(const Json& json) {
  GuardDecision decision;
  decision.images = count_from(json.at("images"));
  decision.action = action_from(json.at("action"));
  for (const EvidenceField& field : kEvidence) {
    const Json& value = json.at("evidence").at(field.name);
    decision.evidence.*field.value = value.is_null() ? Scores::kNone : value.get<double>();
  }
  return decision;
}

}  // namespace

Json guard_to_json(const GuardSummary& guard) {
  Json json = {{"action", ttscale::to_string(guard.action)},
               {"compared", guard.compared},
               {"unable", guard.unable.empty() ? Json(nullptr) : Json(guard.unable)},
               {"decisions", Json::array()},
               {"left_out", guard.left_out}};
  for (const GuardDecision& decision : guard.decisions) {
    json["decisions"].push_back(decision_to_json(decision));
  }
  return json;
}

GuardSummary guard_from_json(const Json& json) {
  GuardSummary guard;
  guard.action = action_from(json.at("action"));
  guard.compared = count_from(json.at("compared"));
  guard.unable = json.at("unable").is_null() ? std::string() : json.at("unable").get<std::string>();
  for (const Json& decision : json.at("decisions")) {
    guard.decisions.push_back(decision_from_json(decision));
  }
  guard.left_out = count_from(json.at("left_out"));
  return guard;
}

}  // namespace ttscale::eval
