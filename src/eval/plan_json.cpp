// SPDX-License-Identifier: MIT
// Writes, reads and compares plans.
#include "eval/plan_json.h"

#include <nlohmann/json.hpp>

#include "base/message_text.h"
#include "eval/json_values.h"
#include "eval/options.h"
#include "eval/result_json.h"

namespace ttscale::eval {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

std::optional<std::int64_t> read_optional(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<std::int64_t>(count_from(json));
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string read_text(const Json& json) { return json.is_null() ? std::string() : json.get<std::string>(); }

template <typename Range, typename Function>
Json array(const Range& range, Function function) {
  Json json = Json::array();
  for (const auto& item : range) {
    json.push_back(function(item));
  }
  return json;
}

image::Preprocessing read_preprocessing(const Json& json) {
  image::Preprocessing out;
  if (!json.at("img_size").is_null()) {
    out.img_size = image::Size{count_from(json.at("img_size").at(0)), count_from(json.at("img_size").at(1))};
  }
  out.crop_pct = json.at("crop_pct");
  out.crop_mode = image::parse_crop_mode(json.at("crop_mode"));
  out.interpolation = image::parse_interpolation(json.at("interpolation"));
  out.in_chans = count_from(json.at("in_chans"));
  out.mean = json.at("mean").get<std::vector<double>>();
  out.std = json.at("std").get<std::vector<double>>();
  out.validate();
  return out;
}

/// Fields that files of earlier versions lack.
Json at_or_null(const Json& json, const char* key) { return json.contains(key) ? json.at(key) : Json(nullptr); }

/// Where the names of the classes came from.
Json classes_source(const EvalPlan& plan) {
  if (!plan.classes_file.empty()) {
    return plan.classes_file;
  }
  return plan.task == Task::kClassification ? Json("folders") : Json(nullptr);
}

}  // namespace

Json plan_to_json(const EvalPlan& plan) {
  Json json;
  json["shard"] = plan.shard.count > 1 ? Json(std::to_string(plan.shard.index) + "/" + std::to_string(plan.shard.count))
                                       : Json(nullptr);
  json["task"] = to_string(plan.task);
  json["model"] = plan.model;
  json["data"] = plan.data;
  json["labels"] = text_or_null(plan.labels);
  json["ignore_index"] = optional(plan.ignore_index);
  json["fingerprint"] = plan.fingerprint;
  json["device"] = plan.device;
  json["settings"] = array(plan.settings, [](const Setting& setting) {
    return Json{{"protocol", setting.protocol}, {"batch_size", setting.batch_size}, {"seed", setting.seed}};
  });
  json["order"] = text_or_null(plan.order);
  json["window"] = optional(plan.window);
  json["num_samples"] = optional(plan.num_samples);
  json["shifts"] = text_or_null(plan.shifts);
  json["valid_classes"] = plan.valid_classes;
  json["on_error"] = plan.on_error;
  json["site_report"] = plan.site_report;
  json["kept_examples"] = plan.examples;
  json["preprocessing"] = Json::parse(plan.preprocessing.to_json());
  json["reference"] = text_or_null(plan.reference);
  json["input"] = plan.input;
  json["call"] = {{"input_index", plan.input_index}, {"output", text_or_null(plan.output)}};
  json["max_pixels"] = plan.max_pixels;
  json["guard"] = text_or_null(plan.guard);
  json["optimize"] = plan.optimize;
  json["rules"] = array(plan.rules, [](const RulePlan& rule) {
    return Json{{"label", rule.label}, {"resolved", rule.resolved}};
  });
  json["domains"] = array(plan.domains, [](const DomainPlan& domain) {
    return Json{{"name", domain.name}, {"images", domain.images}};
  });
  json["classes"] = {{"source", classes_source(plan)}, {"names", plan.classes}};
  json["sites"] = array(plan.sites, [](const Site& site) { return Json(site.name); });
  return json;
}

EvalPlan plan_from_json(const Json& json) {
  EvalPlan plan;
  if (!json.at("shard").is_null()) {
    plan.shard = parse_shard(json.at("shard").get<std::string>());
  }
  plan.task = parse_task(json.at("task"));
  plan.model = json.at("model");
  plan.data = json.at("data");
  plan.labels = read_text(at_or_null(json, "labels"));
  plan.ignore_index = read_optional(at_or_null(json, "ignore_index"));
  plan.fingerprint = json.at("fingerprint");
  plan.device = json.at("device");
  for (const Json& setting : json.at("settings")) {
    plan.settings.push_back(
        {setting.at("protocol"), count_from(setting.at("batch_size")), seed_from(setting.at("seed"))});
  }
  plan.order = read_text(json.at("order"));
  plan.window = read_optional(json.at("window"));
  plan.num_samples = read_optional(json.at("num_samples"));
  plan.shifts = read_text(json.at("shifts"));
  plan.valid_classes = json.at("valid_classes");
  plan.on_error = json.at("on_error");
  plan.site_report = json.at("site_report");
  plan.examples = count_from(json.at("kept_examples"));
  plan.preprocessing = read_preprocessing(json.at("preprocessing"));
  plan.reference = read_text(json.at("reference"));
  plan.input = json.at("input");
  if (json.contains("call")) {
    plan.input_index = count_from(json.at("call").at("input_index"));
    plan.output = read_text(json.at("call").at("output"));
  }
  if (json.contains("max_pixels")) {
    plan.max_pixels = count_from(json.at("max_pixels"));
  }
  plan.guard = read_text(at_or_null(json, "guard"));
  plan.optimize = json.value("optimize", plan.optimize);
  for (const Json& rule : json.at("rules")) {
    plan.rules.push_back({rule.at("label"), rule.at("resolved")});
  }
  for (const Json& domain : json.at("domains")) {
    plan.domains.push_back({domain.at("name"), count_from(domain.at("images"))});
  }
  const std::string source = read_text(json.at("classes").at("source"));
  plan.classes_file = source == "folders" ? std::string() : source;
  plan.classes = json.at("classes").at("names").get<std::vector<std::string>>();
  for (const Json& name : json.at("sites")) {
    Site site;
    site.name = name;
    plan.sites.push_back(std::move(site));
  }
  return plan;
}

std::string first_difference(const EvalPlan& a, const EvalPlan& b) {
  const Json left = plan_to_json(a);
  const Json right = plan_to_json(b);
  for (const auto& [key, value] : left.items()) {
    if (key != "shard" && dump_line(value) != dump_line(right.at(key))) {
      return key + ": " + shown(dump_line(value)) + " and " + shown(dump_line(right.at(key)));
    }
  }
  return {};
}

}  // namespace ttscale::eval
