// SPDX-License-Identifier: MIT
// Sums and look-ups over a result.
#include "eval/result.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace ttscale::eval {
namespace {

using Rates = std::vector<const Scores*>;

double mean_of(const Rates& rates, double Scores::*rate) {
  const double sum = std::accumulate(rates.begin(), rates.end(), 0.0,
                                     [&](double total, const Scores* scores) { return total + scores->*rate; });
  return rates.empty() ? Scores::kNone : sum / static_cast<double>(rates.size());
}

Scores mean_scores(const Rates& rates) {
  Scores mean;
  for (const Scores* scores : rates) {
    mean.images += scores->images;
    mean.non_finite += scores->non_finite;
  }
  for (const auto rate : {&Scores::top1, &Scores::top5, &Scores::nll, &Scores::ece, &Scores::confidence}) {
    mean.*rate = mean_of(rates, rate);
  }
  if (rates.size() == 1) {
    mean.top1_low = rates.front()->top1_low;
    mean.top1_high = rates.front()->top1_high;
  }
  return mean;
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

}  // namespace

std::int64_t EvalPlan::images() const {
  return std::accumulate(domains.begin(), domains.end(), std::int64_t{0},
                         [](std::int64_t total, const DomainPlan& domain) { return total + domain.images; });
}

std::string EvalPlan::describe() const {
  std::ostringstream out;
  out << "model         " << model << " on " << device << '\n';
  describe_sites(out, sites);
  if (!reference.empty()) {
    out << "reference     " << reference << '\n';
  }
  out << "data          " << data << ": " << images() << " images in " << domains.size()
      << (domains.size() == 1 ? " domain" : " domains") << '\n';
  out << "classes       " << classes.size() << (classes_file.empty() ? " from the folders" : " from " + classes_file)
      << '\n';
  out << "preprocessing " << preprocessing.describe() << '\n';
  out << "input         " << input << '\n';
  for (const RulePlan& rule : rules) {
    out << "rule          " << rule.label << '\n';
  }
  out << "protocol      batch size " << batch_size << ", order " << order;
  if (order == "shuffled") {
    out << " by seed " << seed;
  }
  if (num_samples) {
    out << ", at most " << *num_samples << " images a domain";
  }
  out << ", reset " << reset << ", on error " << on_error << '\n';
  return out.str();
}

std::vector<RuleMean> EvalResult::means() const {
  std::vector<RuleMean> means;
  for (const RulePlan& rule : plan.rules) {
    Rates rates;
    for (const Cell& cell : cells) {
      if (cell.rule == rule.label) {
        rates.push_back(&cell.scores);
      }
    }
    means.push_back({rule.label, static_cast<std::int64_t>(rates.size()), mean_scores(rates)});
  }
  return means;
}

const Cell* EvalResult::find(const std::string& domain, const std::string& rule) const {
  const auto found = std::find_if(cells.begin(), cells.end(),
                                  [&](const Cell& cell) { return cell.domain == domain && cell.rule == rule; });
  return found == cells.end() ? nullptr : &*found;
}

}  // namespace ttscale::eval
