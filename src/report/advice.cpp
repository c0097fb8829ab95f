// SPDX-License-Identifier: MIT
// Judges every rule in every setting, then looks for what tells good settings from bad ones: batch size, or protocol.
#include "report/advice.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "report/format.h"

namespace ttscale::report {
namespace {

using html::Gain;
using html::Group;
using html::Summary;

constexpr std::int64_t kLargeBatch = 16;  // Schneider et al. 2020: fewer images estimate statistics badly
constexpr std::size_t kMostNamed = 3;

enum class Outcome { kHelps, kUnclear, kHurts };

/// A rule in a setting.
struct Trial {
  const Group* group = nullptr;
  Gain mean;
  std::size_t domains = 0;
  std::size_t better = 0;  ///< clearly
  std::size_t worse = 0;   ///< clearly
  std::size_t known = 0;   ///< domains with an interval
  std::string worst;       ///< of the domains that are clearly worse
  double worst_points = 0;

  [[nodiscard]] Outcome outcome() const {
    const double sign = mean.points;
    bool clear = true;
    if (mean.has_interval()) {
      clear = !mean.unclear();
    } else if (known > 0) {
      clear = sign > 0 ? better > worse : worse > better;
    }
    return !clear || sign == 0 ? Outcome::kUnclear : sign > 0 ? Outcome::kHelps : Outcome::kHurts;
  }
  [[nodiscard]] bool helps() const { return outcome() == Outcome::kHelps; }
};

/// A rule in every setting in which it can be compared with source.
struct Candidate {
  std::string rule;
  std::vector<Trial> trials;

  [[nodiscard]] std::size_t helped() const {
    return static_cast<std::size_t>(
        std::count_if(trials.begin(), trials.end(), [](const Trial& trial) { return trial.helps(); }));
  }
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const Trial& trial : trials) {
      sum += trial.mean.points;
    }
    return sum / static_cast<double>(trials.size());
  }
};

Trial trial_of(const Summary& summary, const Group& group, const std::string& rule) {
  Trial trial;
  trial.group = &group;
  trial.mean = summary.mean_gain(group, rule);
  for (const std::string& domain : group.stream) {
    const Gain gain = summary.entry(group, domain, rule).gain;
    trial.domains += std::isfinite(gain.points) ? 1 : 0;
    trial.known += gain.has_interval() ? 1 : 0;
    trial.better += gain.has_interval() && gain.low > 0 ? 1 : 0;
    trial.worse += gain.has_interval() && gain.high < 0 ? 1 : 0;
    if (gain.has_interval() && gain.high < 0 && gain.points < trial.worst_points) {
      trial.worst = domain;
      trial.worst_points = gain.points;
    }
  }
  return trial;
}

std::vector<Candidate> candidates_of(const Summary& summary) {
  std::vector<Candidate> candidates;
  for (const std::string& rule : summary.adapting()) {
    Candidate candidate{rule, {}};
    for (const Group& group : summary.groups()) {
      const Trial trial = trial_of(summary, group, rule);
      if (std::isfinite(trial.mean.points)) {
        candidate.trials.push_back(trial);
      }
    }
    if (!candidate.trials.empty()) {
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

bool is_less_advisable(const Candidate& a, const Candidate& b) {
  return a.helped() != b.helped() ? a.helped() < b.helped() : a.mean() < b.mean();
}

std::string amount_of(double points) {
  const std::string amount = fixed(std::abs(points), 2);
  return amount == "0.00" ? "neither gains nor costs" : (points > 0 ? "gains " : "costs ") + amount + " points";
}

/// "gains 32.30 points on average over 6 domains (5 clearly better, 1 clearly worse)".
std::string numbers_of(const Trial& trial) {
  std::string text = amount_of(trial.mean.points);
  std::string brackets;
  if (trial.domains > 1) {
    text += " on average over " + count_of(trial.domains, "domain");
  }
  if (trial.domains > 1 && trial.known > 0) {
    brackets = std::to_string(trial.better) + " clearly better, " + std::to_string(trial.worse) + " clearly worse";
  }
  if (trial.mean.has_interval()) {
    brackets += std::string(brackets.empty() ? "" : "; ") + "95 % interval " + points(trial.mean.low) + " to " +
                points(trial.mean.high);
  }
  return brackets.empty() ? text : text + " (" + brackets + ")";
}

/// "gains 20.10 to 30.20 points": of several settings.
std::string range_of(const std::vector<const Trial*>& trials) {
  const auto [least, most] = std::minmax_element(
      trials.begin(), trials.end(), [](const Trial* a, const Trial* b) { return a->mean.points < b->mean.points; });
  const double low = (*least)->mean.points;
  const double high = (*most)->mean.points;
  if (trials.size() == 1 || fixed(low, 2) == fixed(high, 2)) {
    return amount_of(low);
  }
  if (low >= 0) {
    return "gains " + fixed(low, 2) + " to " + fixed(high, 2) + " points";
  }
  return high <= 0 ? "costs " + fixed(-high, 2) + " to " + fixed(-low, 2) + " points"
                   : "changes by " + points(low) + " to " + points(high) + " points";
}

/// The greatest clear loss in settings that are recommended.
std::string exception_of(const std::vector<const Trial*>& trials) {
  const Trial* worst = nullptr;
  for (const Trial* trial : trials) {
    if (!trial->worst.empty() && (worst == nullptr || trial->worst_points < worst->worst_points)) {
      worst = trial;
    }
  }
  return worst == nullptr
             ? ""
             : " But not for " + worst->worst + ": it costs " + fixed(-worst->worst_points, 2) + " points there.";
}

/// The numbers of settings that are not recommended: why not, where there is one.
std::string reasons_of(const std::vector<const Trial*>& trials) {
  if (trials.size() == 1) {
    return numbers_of(*trials.front());
  }
  const bool chance = std::all_of(trials.begin(), trials.end(),
                                  [](const Trial* trial) { return trial->outcome() == Outcome::kUnclear; });
  return range_of(trials) + " on average" + (chance ? ", not clearly" : "");
}

std::vector<const Trial*> select(const Candidate& candidate, bool helps) {
  std::vector<const Trial*> trials;
  for (const Trial& trial : candidate.trials) {
    if (trial.helps() == helps) {
      trials.push_back(&trial);
    }
  }
  return trials;
}

Advice adapt_everywhere(const Candidate& best) {
  const std::vector<const Trial*> trials = select(best, true);
  const std::string numbers = trials.size() == 1
                                  ? numbers_of(*trials.front())
                                  : range_of(trials) + " on average in each of " + count_of(trials.size(), "setting");
  return {"Adapt with " + best.rule, best.rule + " " + numbers + "." + exception_of(trials)};
}

/// No rule helps anywhere: that of the greatest mean, and whether larger batches are worth a try.
Advice adapt_nowhere(const Candidate& best) {
  const bool hurts = std::any_of(best.trials.begin(), best.trials.end(),
                                 [](const Trial& trial) { return trial.outcome() == Outcome::kHurts; });
  std::vector<const Trial*> trials = select(best, false);
  std::int64_t largest = 0;
  for (const Trial* trial : trials) {
    largest = std::max(largest, trial->group->batch_size);
  }
  const std::string numbers = trials.size() == 1
                                  ? numbers_of(*trials.front())
                                  : range_of(trials) + " on average in " + count_of(trials.size(), "setting");
  std::string evidence = std::string(hurts ? "" : "No rule is clearly better than source. ") + "The best rule, " +
                         best.rule + ", " + numbers + ".";
  if (largest < kLargeBatch) {
    evidence += " Larger batches were not tried: --batch-size 16,64.";
  }
  return {"Do not adapt", evidence};
}

/// "at 16 and 64".
std::string sizes_of(const std::vector<const Trial*>& trials) {
  std::set<std::int64_t> sizes;
  for (const Trial* trial : trials) {
    sizes.insert(trial->group->batch_size);
  }
  std::vector<std::string> words;
  for (const std::int64_t size : sizes) {
    words.push_back(std::to_string(size));
  }
  return list_of(words);
}

/// If all large batches help and all small ones do not: from which size on.
Advice adapt_large_batches(const Candidate& best) {
  const std::vector<const Trial*> good = select(best, true);
  const std::vector<const Trial*> bad = select(best, false);
  const auto smaller = [](const Trial* a, const Trial* b) { return a->group->batch_size < b->group->batch_size; };
  const std::int64_t least = (*std::min_element(good.begin(), good.end(), smaller))->group->batch_size;
  if ((*std::max_element(bad.begin(), bad.end(), smaller))->group->batch_size >= least) {
    return {};
  }
  return {"Use batches >= " + std::to_string(least) + " with " + best.rule,
          "With batches of " + sizes_of(good) + " " + best.rule + " " + range_of(good) + " on average, with " +
              sizes_of(bad) + " it " + reasons_of(bad) + "." + exception_of(good)};
}

std::vector<std::string> protocols_of(const std::vector<const Trial*>& trials) {
  std::vector<std::string> names;
  for (const Trial* trial : trials) {
    if (std::find(names.begin(), names.end(), trial->group->protocol) == names.end()) {
      names.push_back(trial->group->protocol);
    }
  }
  return names;
}

/// If the protocol tells where it helps.
Advice adapt_under_protocols(const Candidate& best) {
  const std::vector<const Trial*> good = select(best, true);
  const std::vector<const Trial*> bad = select(best, false);
  const std::vector<std::string> helped = protocols_of(good);
  const std::vector<std::string> others = protocols_of(bad);
  const bool overlap = std::any_of(helped.begin(), helped.end(), [&](const std::string& name) {
    return std::find(others.begin(), others.end(), name) != others.end();
  });
  if (overlap) {
    return {};
  }
  return {"Adapt with " + best.rule + " under " + list_of(helped) + ", not under " + list_of(others),
          best.rule + " " + range_of(good) + " on average under " + list_of(helped) + "; under " + list_of(others) +
              " it " + reasons_of(bad) + "." + exception_of(good)};
}

Advice adapt_in_some_settings(const Candidate& best) {
  const std::vector<const Trial*> good = select(best, true);
  std::vector<std::string> names;
  for (const Trial* trial : good) {
    if (names.size() < kMostNamed) {
      names.push_back(trial->group->protocol + " with batches of " + std::to_string(trial->group->batch_size));
    }
  }
  const std::string more =
      good.size() > names.size() ? " and " + std::to_string(good.size() - names.size()) + " more" : "";
  return {"Adapt with " + best.rule + " in some settings only",
          best.rule + " " + range_of(good) + " on average in " + std::to_string(good.size()) + " of " +
              count_of(best.trials.size(), "setting") + " (" + list_of(names) + more + "); in the others it " +
              reasons_of(select(best, false)) + "."};
}

}  // namespace

Advice advise(const Summary& summary) {
  const std::vector<Candidate> candidates = candidates_of(summary);
  if (!summary.source() || candidates.empty()) {
    return {};
  }
  const Candidate& best = *std::max_element(candidates.begin(), candidates.end(), is_less_advisable);
  if (best.helped() == 0) {
    return adapt_nowhere(best);
  }
  if (best.helped() == best.trials.size()) {
    return adapt_everywhere(best);
  }
  Advice advice = adapt_large_batches(best);
  if (advice.empty()) {
    advice = adapt_under_protocols(best);
  }
  return advice.empty() ? adapt_in_some_settings(best) : advice;
}

}  // namespace ttscale::report
