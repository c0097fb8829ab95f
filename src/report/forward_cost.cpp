// SPDX-License-Identifier: MIT
// Columns, sentences, JSON.
#include "report/forward_cost.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/format.h"
#include "ttscale/version.h"

namespace ttscale::report {
namespace {

using eval::BatchCost;
using eval::FormCost;
using eval::FormKind;
using Json = nlohmann::ordered_json;

constexpr std::size_t kGap = 2;  ///< spaces between columns
constexpr const char* kFormat = "ttscale bench";
constexpr int kFormatVersion = 1;

/// Three digits or more.
std::string digits(double value) { return fixed(value, value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0); }

std::string kilobytes_text(std::int64_t bytes) { return fixed(static_cast<double>(bytes) / 1e3, 1); }

std::string size_text(const eval::CostOptions& options) {
  const image::Size size = options.image_size();
  return std::to_string(options.preprocessing.in_chans) + " x " + std::to_string(size.height) + " x " +
         std::to_string(size.width);
}

using Row = std::vector<std::string>;

Row row_of(const BatchCost& cost, const FormCost& form) {
  const eval::Quartiles ratio = cost.ratio(form);
  return {form.name + (form.guarded ? " (mean)" : ""),
          digits(form.milliseconds()),
          fixed(cost.ratio_to_original(form).median, 2),
          fixed(ratio.median, 2),
          form.guarded ? "-" : fixed(ratio.first, 2) + " to " + fixed(ratio.third, 2),
          digits(cost.images_per_second(form)),
          form.state_bytes ? kilobytes_text(*form.state_bytes) : "-"};
}

std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = pad_right(row.front(), widths.front());
    for (std::size_t i = 1; i < row.size(); ++i) {
      line += std::string(kGap, ' ') + pad_left(row[i], widths[i]);
    }
    text += line + '\n';
    if (&row == &rows.front()) {
      text += std::string(display_width(line), '-') + '\n';
    }
  }
  return text;
}

std::string verdict(const BatchCost& cost) {
  const std::string at = "At batch " + std::to_string(cost.batch_size);
  std::vector<std::string> words;
  for (const FormCost& form : cost.forms) {
    if (form.kind != FormKind::kUnadapted && form.timed()) {
      const std::string ratio = fixed(cost.ratio(form).median, 2);
      words.push_back(form.name + (words.empty() ? " costs " + ratio + " times the fastest unadapted form (" +
                                                       cost.forms[cost.fastest()].name + ")"
                                                 : " " + ratio));
    }
  }
  return words.empty() ? at + " no adapted form could be timed." : at + " " + list_of(words) + ".";
}

const char* kind_text(FormKind kind) {
  switch (kind) {
    case FormKind::kUnadapted:
      return "unadapted";
    case FormKind::kAdapted:
      return "adapted";
    case FormKind::kBaked:
      break;
  }
  return "baked";
}

Json to_json(const eval::Quartiles& ratio) {
  return {{"first_quartile", ratio.first}, {"median", ratio.median}, {"third_quartile", ratio.third}};
}

Json to_json(const BatchCost& cost, const FormCost& form) {
  Json out{{"name", form.name}, {"kind", kind_text(form.kind)}};
  if (form.kind != FormKind::kUnadapted) {
    out["rule"] = form.rule;
    out["guarded"] = form.guarded;
  }
  if (form.state_bytes) {
    out["state_bytes"] = *form.state_bytes;
  }
  if (!form.timed()) {
    out["not_timed"] = form.not_timed;
    return out;
  }
  out["times_ms"] = form.times;
  out["median_ms"] = eval::quartiles(form.times).median;
  out["mean_ms"] = eval::mean(form.times);
  out["ratio_to_fastest_unadapted"] = to_json(cost.ratio(form));
  out["ratio_to_original"] = to_json(cost.ratio_to_original(form));
  out["images_per_second"] = cost.images_per_second(form);
  out["note"] = form.note;
  return out;
}

Json to_json(const BatchCost& cost) {
  Json forms = Json::array();
  for (const FormCost& form : cost.forms) {
    forms.push_back(to_json(cost, form));
  }
  return {{"batch_size", cost.batch_size},
          {"adapted_layers", cost.sites},
          {"fastest_unadapted", cost.forms[cost.fastest()].name},
          {"forms", forms}};
}

}  // namespace

std::string cost_heading(const CostSetting& setting, const eval::CostOptions& options) {
  return setting.model + ": parameters " + fixed(static_cast<double>(setting.parameter_bytes) / 1e6, 2) + " MB" +
         (setting.reference.empty() ? "" : ", reference " + setting.reference) + "\n" + setting.cpu + ", device " +
         options.device + ", " + count_of(static_cast<std::size_t>(setting.threads), "thread") + ", LibTorch " +
         torch_version() + "; " + count_of(static_cast<std::size_t>(options.measuring.rounds), "round") + " after " +
         std::to_string(options.measuring.warm_up) + " to warm up\n";
}

std::string cost_table(const BatchCost& cost, const eval::CostOptions& options, std::size_t width) {
  std::vector<Row> rows{{"form", "median ms", "x original", "x fastest", "quartiles", "images/s", "state kB"}};
  std::string below;
  for (const FormCost& form : cost.forms) {
    if (form.timed()) {
      rows.push_back(row_of(cost, form));
    } else {
      below += wrap_sentence(form.name + " is not timed: " + form.not_timed, width);
    }
    if (!form.note.empty()) {
      below += wrap_sentence("note: " + form.name + ": " + form.note, width);
    }
  }
  return "batch " + std::to_string(cost.batch_size) + ", images " + size_text(options) + ", " +
         count_of(static_cast<std::size_t>(cost.sites), "layer") + " adapted\n" + aligned(rows) + below +
         wrap_sentence(verdict(cost), width);
}

std::string cost_json(const CostSetting& setting, const eval::CostOptions& options,
                      const std::vector<BatchCost>& batches) {
  Json all = Json::array();
  for (const BatchCost& cost : batches) {
    all.push_back(to_json(cost));
  }
  const image::Size size = options.image_size();
  const Json json{{"format", kFormat},
                  {"format_version", kFormatVersion},
                  {"ttscale", version()},
                  {"torch", torch_version()},
                  {"model", setting.model},
                  {"reference", setting.reference},
                  {"parameter_bytes", setting.parameter_bytes},
                  {"cpu", setting.cpu},
                  {"device", options.device},
                  {"threads", setting.threads},
                  {"img_size", {size.height, size.width}},
                  {"in_chans", options.preprocessing.in_chans},
                  {"rounds", options.measuring.rounds},
                  {"warm_up", options.measuring.warm_up},
                  {"batches", all}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

}  // namespace ttscale::report
