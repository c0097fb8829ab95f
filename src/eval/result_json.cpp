// SPDX-License-Identifier: MIT
// Cells, examples and the document around them.
#include "eval/result_json.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "base/message_text.h"
#include "eval/json_columns.h"
#include "eval/json_values.h"
#include "eval/plan_json.h"
#include "ttscale/error.h"
#include "ttscale/version.h"

namespace ttscale::eval {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "ttscale-results";
constexpr std::size_t kShown = 300;  // of a reason

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double to_number(const Json& json) { return json.is_null() ? Scores::kNone : json.get<double>(); }

/// The scores that are rates, by their names in the file.
struct RateField {
  const char* name;
  double Scores::*rate;
};
constexpr RateField kRates[] = {{"top1", &Scores::top1},
                                {"top1_low", &Scores::top1_low},
                                {"top1_high", &Scores::top1_high},
                                {"top5", &Scores::top5},
                                {"mean_class", &Scores::mean_class},
                                {"nll", &Scores::nll},
                                {"brier", &Scores::brier},
                                {"ece", &Scores::ece},
                                {"adaptive_ece", &Scores::adaptive_ece},
                                {"confidence", &Scores::confidence},
                                {"miou", &Scores::miou},
                                {"pixel_accuracy", &Scores::pixel_accuracy}};

void add_scores(Json& json, const Scores& scores) {
  json["images"] = scores.images;
  json["non_finite"] = scores.non_finite;
  for (const RateField& field : kRates) {
    json[field.name] = number(scores.*field.rate);
  }
}

Scores read_scores(const Json& json) {
  Scores scores;
  scores.images = count_from(json.at("images"));
  scores.non_finite = count_from(json.at("non_finite"));
  for (const RateField& field : kRates) {
    scores.*field.rate = to_number(json.at(field.name));
  }
  return scores;
}

void add_setting(Json& json, const Setting& setting) {
  json["protocol"] = setting.protocol;
  json["batch_size"] = setting.batch_size;
  json["seed"] = setting.seed;
}

Setting read_setting(const Json& json) {
  return {json.at("protocol"), count_from(json.at("batch_size")), seed_from(json.at("seed"))};
}

Json change_to_json(const Change& change) {
  return {{"broken", change.broken},   {"repaired", change.repaired}, {"changed", change.changed},
          {"low", number(change.low)}, {"high", number(change.high)}, {"p_value", number(change.p_value)}};
}

Change change_from_json(const Json& json) {
  return {count_from(json.at("broken")), count_from(json.at("repaired")), count_from(json.at("changed")),
          to_number(json.at("low")),     to_number(json.at("high")),      to_number(json.at("p_value"))};
}

using metrics::CalibrationBin;
const std::vector<const char*> kBinColumns{"images", "correct", "confidence"};
const std::vector<const char*> kCountColumns{"images", "correct"};

Json mean_to_json(const RuleMean& mean) {
  Json json = {{"protocol", mean.protocol},
               {"batch_size", mean.batch_size},
               {"rule", mean.rule},
               {"domains", mean.domains},
               {"seeds", mean.seeds}};
  add_scores(json, mean.scores);
  json["low"] = number(mean.low);
  json["high"] = number(mean.high);
  return json;
}

Json opinion_to_json(const Opinion& opinion) {
  return {{"prediction", opinion.prediction}, {"confidence", number(opinion.confidence)}};
}

Opinion opinion_from_json(const Json& json) {
  return {count_from(json.at("prediction")), to_number(json.at("confidence"))};
}

/// `"key": [` and an entry a line.
template <typename Range, typename Function>
void write_list(std::ostream& out, const char* key, const Range& range, Function function) {
  out << ",\n  \"" << key << "\": [";
  const char* separator = "\n    ";
  for (const auto& item : range) {
    out << separator << dump_line(function(item));
    separator = ",\n    ";
  }
  out << (range.empty() ? "]" : "\n  ]");
}

template <typename T, typename Function>
std::vector<T> read_list(const Json& json, const char* key, Function function) {
  std::vector<T> out;
  for (const Json& item : json.at(key)) {
    out.push_back(function(item));
  }
  return out;
}

EvalResult from_json(const Json& json) {
  if (json.at("format") != kFormat) {
    throw DataError("expected a results file of ttscale");
  }
  if (json.at("format_version") != kResultsVersion) {
    throw DataError("expected format version " + std::to_string(kResultsVersion) + ", found " +
                    shown(dump_line(json.at("format_version"))) + "; evaluate again with this version");
  }
  if (json.at("ttscale") != version() || json.at("torch") != torch_version()) {
    throw DataError("expected results of ttscale " + version() + " with LibTorch " + torch_version() + ", found " +
                    shown(dump_line(json.at("ttscale"))) + " with " + shown(dump_line(json.at("torch"))));
  }
  EvalResult result;
  result.plan = plan_from_json(json);
  result.partial = !json.at("complete").get<bool>();
  result.cells = read_list<Cell>(json, "cells", cell_from_json);
  result.classes = read_list<RuleClasses>(json, "class_counts", classes_from_json);
  result.examples = read_list<Example>(json, "examples", example_from_json);
  result.unfinished = read_list<Cell>(json, "unfinished", cell_from_json);
  result.skipped = read_list<SkippedFile>(json, "skipped", skipped_from_json);
  if (json.contains("seconds")) {
    result.seconds = json.at("seconds").get<double>();
  }
  return result;
}

}  // namespace

std::string dump_line(const Json& json) {
  // Paths are bytes; those that are no UTF-8 lose the offending ones here.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json cell_to_json(const Cell& cell) {
  Json json = Json::object();
  add_setting(json, cell.setting);
  json["stream"] = cell.stream;
  json["place"] = cell.place;
  json["domain"] = cell.domain;
  json["rule"] = cell.rule;
  add_scores(json, cell.scores);
  json["change"] = cell.change ? change_to_json(*cell.change) : Json(nullptr);
  json["bins"] =
      columns(cell.bins, kBinColumns, &CalibrationBin::images, &CalibrationBin::correct, &CalibrationBin::confidence);
  json["curve"] = columns(cell.curve, kCountColumns, &CurvePoint::images, &CurvePoint::correct);
  json["skipped"] = cell.skipped;
  json["rejected_batches"] = cell.rejected;
  if (cell.seconds) {
    json["seconds"] = *cell.seconds;
  }
  Json& sites = json["sites"] = Json::array();
  for (const SiteSummary& site : cell.sites) {
    sites.push_back({{"name", site.name},
                     {"batch_distance", number(site.batch_distance)},
                     {"used_distance", number(site.used_distance)}});
  }
  if (cell.guard) {
    json["guard"] = guard_to_json(*cell.guard);
  }
  if (!cell.warnings.empty()) {
    json["warnings"] = cell.warnings;
  }
  return json;
}

Cell cell_from_json(const Json& json) {
  Cell cell;
  cell.setting = read_setting(json);
  cell.stream = count_from(json.at("stream"));
  cell.place = count_from(json.at("place"));
  cell.domain = json.at("domain");
  cell.rule = json.at("rule");
  cell.scores = read_scores(json);
  if (!json.at("change").is_null()) {
    cell.change = change_from_json(json.at("change"));
  }
  cell.bins = read_columns<CalibrationBin>(json.at("bins"), kBinColumns, &CalibrationBin::images,
                                           &CalibrationBin::correct, &CalibrationBin::confidence);
  cell.curve = read_columns<CurvePoint>(json.at("curve"), kCountColumns, &CurvePoint::images, &CurvePoint::correct);
  cell.skipped = count_from(json.at("skipped"));
  cell.rejected = count_from(json.at("rejected_batches"));
  if (json.contains("seconds")) {
    cell.seconds = json.at("seconds").get<double>();
  }
  for (const Json& site : json.at("sites")) {
    cell.sites.push_back({site.at("name"), to_number(site.at("batch_distance")), to_number(site.at("used_distance"))});
  }
  if (json.contains("guard")) {
    cell.guard = guard_from_json(json.at("guard"));
  }
  if (json.contains("warnings")) {
    json.at("warnings").get_to(cell.warnings);
  }
  return cell;
}

Json example_to_json(const Example& example) {
  Json json = Json::object();
  add_setting(json, example.setting);
  json["domain"] = example.domain;
  json["rule"] = example.rule;
  json["path"] = example.path;
  json["label"] = example.label;
  json["source"] = opinion_to_json(example.source);
  json["adapted"] = opinion_to_json(example.adapted);
  json["gain"] = number(example.gain);
  return json;
}

Example example_from_json(const Json& json) {
  Example example;
  example.setting = read_setting(json);
  example.domain = json.at("domain");
  example.rule = json.at("rule");
  example.path = json.at("path");
  example.label = count_from(json.at("label"));
  example.source = opinion_from_json(json.at("source"));
  example.adapted = opinion_from_json(json.at("adapted"));
  example.gain = to_number(json.at("gain"));
  return example;
}

Json skipped_to_json(const SkippedFile& file) {
  return {{"domain", file.domain}, {"path", file.path}, {"reason", file.reason}};
}

SkippedFile skipped_from_json(const Json& json) { return {json.at("domain"), json.at("path"), json.at("reason")}; }

std::string to_json(const EvalResult& result) {
  std::ostringstream out;
  const Json head = {{"format", kFormat},
                     {"format_version", kResultsVersion},
                     {"ttscale", version()},
                     {"torch", torch_version()},
                     {"complete", !result.partial}};
  std::string separator = "{";
  const auto write = [&](const Json& object) {
    for (const auto& [key, value] : object.items()) {
      out << separator << "\n  " << Json(key).dump() << ": " << dump_line(value);
      separator = ",";
    }
  };
  write(head);
  write(plan_to_json(result.plan));
  write_list(out, "means", result.means(), mean_to_json);
  write_list(out, "cells", result.cells, cell_to_json);
  write_list(out, "class_counts", result.classes, classes_to_json);
  write_list(out, "examples", result.examples, example_to_json);
  write_list(out, "unfinished", result.unfinished, cell_to_json);
  write_list(out, "skipped", result.skipped, skipped_to_json);
  if (result.seconds) {
    out << ",\n  \"seconds\": " << dump_line(number(*result.seconds));
  }
  out << "\n}\n";
  return out.str();
}

EvalResult read_results(const std::filesystem::path& file) {
  refuse_device("results", file);
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    throw DataError("results: expected a file that can be read, found none: " + file.string());
  }
  return parse_results(text.str(), file);
}

EvalResult parse_results(const std::string& text, const std::filesystem::path& file) {
  try {
    return from_json(parse_json(text));
  } catch (const Json::exception& error) {
    const std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at line ..."
    throw DataError(
        "results: expected a whole results file of `ttscale eval --results-file` (JSON), found another or a "
        "damaged one: " +
        file.string() + " (" + shown(reason.substr(reason.find("] ") + 2), kShown) + ")");
  } catch (const Error& error) {  // a UsageError too: the option is one that the file holds
    throw DataError("results: " + shown(error.what(), kShown) + ": " + file.string());
  }
}

}  // namespace ttscale::eval
