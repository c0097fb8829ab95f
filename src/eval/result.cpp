// SPDX-License-Identifier: MIT
// Sums and look-ups over a result.
#include "eval/result.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include "metrics/repeats.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using Rates = std::vector<const Scores*>;

double mean_of(const Rates& rates, double Scores::*rate) {
  const double sum = std::accumulate(rates.begin(), rates.end(), 0.0,
                                     [&](double total, const Scores* scores) { return total + scores->*rate; });
  return rates.empty() ? Scores::kNone : sum / static_cast<double>(rates.size());
}

constexpr double Scores::*const kRates[] = {
    &Scores::top1,  &Scores::top5,         &Scores::nll,        &Scores::ece,  &Scores::confidence,
    &Scores::brier, &Scores::adaptive_ece, &Scores::mean_class, &Scores::miou, &Scores::pixel_accuracy};

Scores mean_scores(const Rates& rates) {
  Scores mean;
  for (const Scores* scores : rates) {
    mean.images += scores->images;
    mean.non_finite += scores->non_finite;
  }
  for (const auto rate : kRates) {
    mean.*rate = mean_of(rates, rate);
  }
  if (rates.size() == 1) {
    mean.top1_low = rates.front()->top1_low;
    mean.top1_high = rates.front()->top1_high;
  }
  return mean;
}

/// Protocol and batch size of the settings, each once, in their order.
std::vector<Setting> without_seeds(const std::vector<Setting>& settings) {
  std::vector<Setting> out;
  for (Setting setting : settings) {
    setting.seed = 0;
    if (std::find(out.begin(), out.end(), setting) == out.end()) {
      out.push_back(setting);
    }
  }
  return out;
}

void describe_sites(std::ostream& out, const std::vector<Site>& sites) {
  out << "sites         " << sites.size() << " adapted";
  if (!sites.empty()) {
    out << ", " << sites.front().name;
    if (sites.size() > 1) {
      out << " to " << sites.back().name;
    }
  }
  out << '\n';
}

void describe_classes(std::ostream& out, const EvalPlan& plan) {
  const bool named = !plan.classes_file.empty();
  if (plan.task == Task::kSegmentation) {
    out << "labels        " << (plan.labels.empty() ? "beside the images" : plan.labels) << ", ignored label "
        << plan.ignore_index.value_or(metrics::kIgnoreIndex) << '\n';
    out << "classes       "
        << (named ? std::to_string(plan.classes.size()) + " from " + plan.classes_file : "as many as the model has")
        << '\n';
  } else {
    out << "classes       " << plan.classes.size() << (named ? " from " + plan.classes_file : " from the folders")
        << '\n';
  }
}

/// "a, b, c" of what differs between the settings.
template <typename Function>
std::string list(const std::vector<Setting>& settings, Function function) {
  std::vector<std::string> seen;
  std::string text;
  for (const Setting& setting : settings) {
    const std::string value = function(setting);
    if (std::find(seen.begin(), seen.end(), value) == seen.end()) {
      text += (seen.empty() ? "" : ", ") + value;
      seen.push_back(value);
    }
  }
  return text;
}

void describe_settings(std::ostream& out, const std::vector<Setting>& settings) {
  out << "protocol      " << list(settings, [](const Setting& s) { return s.protocol; }) << "; batch size "
      << list(settings, [](const Setting& s) { return std::to_string(s.batch_size); }) << "; seed "
      << list(settings, [](const Setting& s) { return std::to_string(s.seed); }) << '\n';
}

}  // namespace

std::string to_string(Task task) { return task == Task::kClassification ? "classification" : "segmentation"; }

Task parse_task(const std::string& text) {
  for (const Task task : {Task::kClassification, Task::kSegmentation}) {
    if (text == to_string(task)) {
      return task;
    }
  }
  throw UsageError("task: expected classification or segmentation, found \"" + text + "\"");
}

double headline(const Scores& scores, Task task) { return task == Task::kClassification ? scores.top1 : scores.miou; }

std::string headline_name(Task task) { return task == Task::kClassification ? "top-1" : "mIoU"; }

std::int64_t EvalPlan::images() const {
  return std::accumulate(domains.begin(), domains.end(), std::int64_t{0},
                         [](std::int64_t total, const DomainPlan& domain) { return total + domain.images; });
}

std::string EvalPlan::describe() const {
  std::ostringstream out;
  out << "model         " << model << " on " << device << '\n';
  if (task != Task::kClassification) {
    out << "task          " << to_string(task) << '\n';
  }
  describe_sites(out, sites);
  if (!reference.empty()) {
    out << "reference     " << reference << '\n';
  }
  out << "data          " << data << ": " << images() << " images in " << domains.size()
      << (domains.size() == 1 ? " domain" : " domains") << '\n';
  describe_classes(out, *this);
  if (!shifts.empty()) {
    out << "shifts        " << shifts << '\n';
  }
  out << "preprocessing " << preprocessing.describe() << '\n';
  out << "input         " << input << '\n';
  for (const RulePlan& rule : rules) {
    out << "rule          " << rule.label << '\n';
  }
  if (!guard.empty()) {
    out << "guard         " << guard << '\n';
  }
  describe_settings(out, settings);
  out << "images        order " << (order.empty() ? "of the protocol" : order);
  if (window) {
    out << ", window of " << *window;
  }
  if (num_samples) {
    out << ", at most " << *num_samples << " of a domain";
  }
  if (valid_classes) {
    out << ", classes without images left out";
  }
  out << ", on error " << on_error << '\n';
  if (shard.count > 1) {
    out << "shard         " << shard.index << " of " << shard.count << ": " << work << " images\n";
  }
  return out.str();
}

RuleMean EvalResult::mean_of_rule(const Setting& group, const std::string& rule) const {
  RuleMean mean{group.protocol, group.batch_size, rule, 0, 0, {}, Scores::kNone, Scores::kNone};
  std::vector<Scores> repeats;
  for (const Setting& setting : plan.settings) {
    Rates rates;
    for (const Cell& cell : cells) {
      if (cell.rule == rule && cell.setting == setting && setting.protocol == group.protocol &&
          setting.batch_size == group.batch_size) {
        rates.push_back(&cell.scores);
      }
    }
    if (!rates.empty()) {
      const auto domains = static_cast<std::int64_t>(rates.size());
      mean.domains = repeats.empty() ? domains : std::min(mean.domains, domains);
      repeats.push_back(mean_scores(rates));
    }
  }
  Rates of_seeds;
  std::vector<double> headlines;
  for (const Scores& scores : repeats) {
    of_seeds.push_back(&scores);
    headlines.push_back(headline(scores, plan.task));
  }
  mean.seeds = static_cast<std::int64_t>(repeats.size());
  mean.scores = mean_scores(of_seeds);
  const metrics::Interval interval = metrics::mean_of_repeats(headlines).interval;
  mean.low = interval.low;
  mean.high = interval.high;
  return mean;
}

std::vector<RuleMean> EvalResult::means() const {
  std::vector<RuleMean> means;
  for (const Setting& group : groups()) {
    for (const RulePlan& rule : plan.rules) {
      means.push_back(mean_of_rule(group, rule.label));
    }
  }
  return means;
}

std::vector<Setting> EvalResult::groups() const { return without_seeds(plan.settings); }

const Cell* EvalResult::find(const Setting& setting, const std::string& domain, const std::string& rule) const {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) {
    return cell.setting == setting && cell.domain == domain && cell.rule == rule;
  });
  return found == cells.end() ? nullptr : &*found;
}

}  // namespace ttscale::eval
