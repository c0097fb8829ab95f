// SPDX-License-Identifier: MIT
// How to get these numbers again.
#include <sstream>

#include "base/option_text.h"
#include "report/format.h"
#include "report/html/number.h"
#include "report/html/sections.h"

namespace ttscale::report::html {
namespace {

void add(Markup& list, const char* term, const Markup& description) {
  if (!description.empty()) {
    list += element("dt", text(term)) + element("dd", description);
  }
}

Markup code(const std::string& words) { return words.empty() ? Markup{} : element("code", name(words, 400)); }

Markup rules_of(const eval::EvalPlan& plan) {
  Markup list;
  for (const eval::RulePlan& rule : plan.rules) {
    list += element(
        "li", element("code", name(rule.label, 400)) +
                  (rule.label == rule.resolved ? Markup{} : text(" = ") + element("code", name(rule.resolved, 400))));
  }
  return list.empty() ? list : element("ul", list);
}

Markup settings_of(const Summary& summary) {
  std::vector<std::string> protocols;
  Markup list;
  for (const Group& group : summary.groups()) {
    std::vector<std::string> seeds;
    for (const std::uint64_t seed : group.seeds) {
      seeds.push_back(std::to_string(seed));
    }
    list += element("li", element("code", name(group.protocol, 400)) +
                              text(", batch size " + std::to_string(group.batch_size) +
                                   (seeds.size() == 1 ? ", seed " : ", seeds ") + join(seeds)));
  }
  return list.empty() ? list : element("ul", list);
}

/// The command; no line breaks within a flag.
Markup command_line(const std::string& command) {
  Markup words;
  std::istringstream in(command);
  for (std::string word; std::getline(in, word, ' ');) {
    words += words.empty() ? Markup{} : literal(" ");
    words += word.rfind('-', 0) == 0 ? element("span", {{"class", "flag"}}, text(word)) : text(word);
  }
  return element("pre", {{"tabindex", "0"}}, element("code", words));
}

std::string data_words(const eval::EvalPlan& plan) {
  std::string words = count_words(plan.images()) + " images in " + count_of(plan.domains.size(), "domain");
  if (plan.num_samples) {
    words += ", at most " + count_words(*plan.num_samples) + " a domain";
  }
  return words + (plan.order.empty() ? "" : ", order " + plan.order);
}

std::string classes_words(const eval::EvalPlan& plan) {
  if (plan.classes.empty() && plan.task == eval::Task::kSegmentation) {
    return "those of the model, without names";
  }
  return count_words(static_cast<std::int64_t>(plan.classes.size())) +
         (plan.classes_file.empty() ? ", from the folders" : ", from " + plan.classes_file) +
         (plan.valid_classes ? "; outputs restricted to them" : "");
}

Markup labels_words(const eval::EvalPlan& plan) {
  if (plan.task != eval::Task::kSegmentation) {
    return {};
  }
  const Markup where = plan.labels.empty() ? text("beside the images") : code(plan.labels);
  return where + (plan.ignore_index ? text(", ignored label " + std::to_string(*plan.ignore_index)) : Markup{});
}

}  // namespace

Markup repeat_section(const Summary& summary, const HtmlOptions& options) {
  const eval::EvalPlan& plan = summary.plan();
  Markup list;
  add(list, "versions", text(options.versions));
  add(list, "model", code(plan.model));
  add(list, "task", plan.task == eval::Task::kClassification ? Markup{} : text(eval::to_string(plan.task)));
  add(list, "device", text(plan.device));
  add(list, "reference", code(plan.reference));
  add(list, "data", code(plan.data) + text(" \u2013 " + data_words(plan)));
  add(list, "labels", labels_words(plan));
  add(list, "shifts made", code(plan.shifts));
  add(list, "classes", text(classes_words(plan)));
  add(list, "preprocessing", text(plan.preprocessing.describe()));
  add(list, "input scaling", text(plan.input));
  add(list, "rules", rules_of(plan));
  add(list, "guard", text(plan.guard));
  add(list, "optimise", text(plan.optimize));
  add(list, "settings", settings_of(summary));
  add(list, "window", plan.window ? text(count_words(*plan.window) + " images") : Markup{});
  add(list, "adapted layers",
      plan.sites.empty() ? Markup{} : text(count_words(static_cast<std::int64_t>(plan.sites.size()))));
  add(list, "on unreadable images", text(plan.on_error));
  add(list, "wall time", summary.result().seconds ? text(number_words(*summary.result().seconds, 1) + " s") : Markup{});
  const Markup command = options.command.empty() ? Markup{} : command_line(options.command);
  return section("repeat", "How to repeat this", command + element("dl", list));
}

}  // namespace ttscale::report::html
