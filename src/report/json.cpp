// SPDX-License-Identifier: MIT
// The JSON document of results (format in src/report/README.md).
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/results.h"
#include "ttscale/version.h"

namespace ttscale::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

template <typename T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename Range, typename Function>
Json array(const Range& range, Function function) {
  Json result = Json::array();
  for (const auto& item : range) {
    result.push_back(function(item));
  }
  return result;
}

Json protocol(const eval::EvalPlan& plan) {
  return {{"order", plan.order},           {"seed", plan.seed},
          {"batch_size", plan.batch_size}, {"num_samples", optional(plan.num_samples)},
          {"reset", plan.reset},           {"on_error", plan.on_error}};
}

Json classes(const eval::EvalPlan& plan) {
  return {{"source", plan.classes_file.empty() ? "folders" : plan.classes_file}, {"names", plan.classes}};
}

void add_scores(Json& json, const eval::Scores& scores) {
  json["images"] = scores.images;
  json["non_finite"] = scores.non_finite;
  json["top1"] = number(scores.top1);
  json["top1_low"] = number(scores.top1_low);
  json["top1_high"] = number(scores.top1_high);
  json["top5"] = number(scores.top5);
  json["nll"] = number(scores.nll);
  json["ece"] = number(scores.ece);
  json["confidence"] = number(scores.confidence);
}

Json site(const eval::SiteSummary& summary) {
  return {{"name", summary.name},
          {"batch_distance", number(summary.batch_distance)},
          {"used_distance", number(summary.used_distance)}};
}

Json cell(const eval::Cell& source) {
  Json json = {{"domain", source.domain}, {"rule", source.rule}};
  add_scores(json, source.scores);
  json["skipped"] = source.skipped;
  json["rejected_batches"] = source.rejected;
  if (source.seconds) {
    json["seconds"] = *source.seconds;
  }
  if (!source.sites.empty()) {
    json["sites"] = array(source.sites, site);
  }
  return json;
}

Json mean(const eval::RuleMean& source) {
  Json json = {{"rule", source.rule}, {"domains", source.domains}};
  add_scores(json, source.scores);
  return json;
}

void add_plan(Json& json, const eval::EvalPlan& plan) {
  json["model"] = plan.model;
  json["data"] = plan.data;
  json["device"] = plan.device;
  json["protocol"] = protocol(plan);
  json["preprocessing"] = Json::parse(plan.preprocessing.to_json());
  json["reference"] = plan.reference.empty() ? Json() : Json(plan.reference);
  json["input"] = plan.input;
  json["rules"] = array(plan.rules, [](const auto& rule) {
    return Json{{"label", rule.label}, {"resolved", rule.resolved}};
  });
  json["domains"] = array(plan.domains, [](const auto& domain) {
    return Json{{"name", domain.name}, {"images", domain.images}};
  });
  json["classes"] = classes(plan);
  json["sites"] = array(plan.sites, [](const Site& adapted) { return Json(adapted.name); });
}

}  // namespace

std::string to_json(const eval::EvalResult& result) {
  Json json = {{"format", "ttscale-results"},
               {"format_version", kFormatVersion},
               {"ttscale", version()},
               {"torch", torch_version()},
               {"complete", !result.partial}};
  add_plan(json, result.plan);
  json["cells"] = array(result.cells, cell);
  json["means"] = array(result.means(), mean);
  json["unfinished"] = array(result.unfinished, cell);
  json["skipped"] = array(result.skipped, [](const auto& file) {
    return Json{{"domain", file.domain}, {"path", file.path}, {"reason", file.reason}};
  });
  if (result.seconds) {
    json["seconds"] = *result.seconds;
  }
  // Paths are bytes; those that are no UTF-8 lose the offending ones here (the CSV keeps them).
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace ttscale::report
