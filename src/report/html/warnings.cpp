// SPDX-License-Identifier: MIT
// Warnings, each a sentence.
#include <algorithm>
#include <cmath>
#include <map>

#include "report/findings.h"
#include "report/format.h"
#include "report/grid.h"
#include "report/html/number.h"
#include "report/html/sections.h"
#include "report/html/verdict.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostNamed = 5;

struct Loss {
  std::string domain;
  Gain gain;
};

std::vector<Loss> losses_of(const Summary& summary, const Group& group, const std::string& rule) {
  std::vector<Loss> losses;
  for (const std::string& domain : group.stream) {
    const Gain gain = summary.entry(group, domain, rule).gain;
    if (gain.points < 0) {
      losses.push_back({domain, gain});
    }
  }
  std::stable_sort(losses.begin(), losses.end(),
                   [](const Loss& a, const Loss& b) { return a.gain.points < b.gain.points; });
  return losses;
}

/// "batch is worse than source on fog/5 (-3.20), snow/5 (-0.40, within chance) and 3 more of 9 domains."
Markup loss_sentence(const Summary& summary, const Group& group, const std::string& rule) {
  const std::vector<Loss> losses = losses_of(summary, group, rule);
  if (losses.empty()) {
    return {};
  }
  const Gain mean = summary.mean_gain(group, rule);
  const bool several = group.stream.size() > 1;
  Markup sentence = name(rule) + text(" is worse than source" +
                                      std::string(several && mean.points < 0 ? " on average, and" : "") + " on ");
  const std::size_t named = std::min(losses.size(), kMostNamed);
  for (std::size_t i = 0; i < named; ++i) {
    const bool last = i + 1 == losses.size();
    sentence +=
        text(i == 0 ? ""
             : last ? " and "
                    : ", ") +
        name(losses[i].domain, 40) +
        text(" (" + signed_words(losses[i].gain.points, 2) + (losses[i].gain.unclear() ? ", within chance)" : ")"));
  }
  if (losses.size() > named) {
    sentence += text(" and " + std::to_string(losses.size() - named) + " more");
  }
  if (several) {
    sentence += text(": " + std::to_string(losses.size()) + " of " + count_of(group.stream.size(), "domain"));
  }
  return sentence + (summary.has_several_groups() ? text(" (" + Summary::name(group) + ").") : text("."));
}

/// Rules that are worse on average come first, then those with the greatest loss on a domain; of very many sentences
/// the last are only counted.
std::vector<Markup> loss_sentences(const Summary& summary) {
  constexpr std::size_t kMostSentences = 8;
  std::vector<std::pair<std::pair<double, double>, Markup>> found;  // by mean, if it is a loss, and by greatest loss
  for (const Group& group : summary.groups()) {
    for (const std::string& rule : summary.adapting()) {
      Markup sentence = loss_sentence(summary, group, rule);
      if (!sentence.empty()) {
        const double mean = std::min(0.0, summary.mean_gain(group, rule).points);  // 0 for none
        const double worst = losses_of(summary, group, rule).front().gain.points;
        found.emplace_back(std::pair(mean, worst), std::move(sentence));
      }
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Markup> sentences;
  for (auto& [points, sentence] : found) {
    if (sentences.size() == kMostSentences) {
      sentences.push_back(text(std::to_string(found.size() - kMostSentences) +
                               " more rules or settings are worse than source somewhere: see the map below."));
      break;
    }
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

Markup partial_sentence(const Summary& summary) {
  if (!summary.result().partial) {
    return {};
  }
  const eval::EvalPlan& plan = summary.plan();
  const std::size_t planned = plan.settings.size() * plan.domains.size() * plan.rules.size();
  std::string words =
      "This result is partial: " + count_words(static_cast<std::int64_t>(summary.result().cells.size())) + " of " +
      count_words(static_cast<std::int64_t>(planned)) +
      " cells (a setting, a domain and a rule each) are finished, and only these are in the numbers.";
  if (plan.shard.count > 1) {
    words += " It is part " + std::to_string(plan.shard.index) + " of " + std::to_string(plan.shard.count) + ".";
  }
  return text(words);
}

Markup skipped_sentence(const Summary& summary) {
  const auto& skipped = summary.result().skipped;
  if (skipped.empty()) {
    return {};
  }
  Markup sentence = text(count_of(skipped.size(), "image") + " could not be read and " +
                         (skipped.size() == 1 ? "was" : "were") + " left out: ");
  for (std::size_t i = 0; i < std::min(skipped.size(), kMostNamed); ++i) {
    sentence += text(i == 0 ? "" : ", ") + name(skipped[i].path) + text(" (") +
                text(shorten(clean_utf8(skipped[i].reason), 80)) + text(")");
  }
  return sentence + text(skipped.size() > kMostNamed ? " and others." : ".");
}

std::vector<Markup> non_finite_sentences(const Summary& summary) {
  std::map<std::string, std::int64_t> images;
  std::map<std::string, std::int64_t> batches;
  for (const eval::Cell& cell : summary.result().cells) {
    images[cell.rule] += cell.scores.non_finite;
    batches[cell.rule] += cell.rejected;
  }
  const eval::Task task = summary.plan().task;
  std::vector<Markup> sentences;
  for (const eval::RulePlan& rule : summary.plan().rules) {
    if (images[rule.label] > 0) {
      sentences.push_back(
          text("Under ") + name(rule.label) +
          text(" the model gave NaN or infinite scores for " +
               count_of(static_cast<std::size_t>(images[rule.label]), unit_name(task)) +
               (task == eval::Task::kClassification ? "; they count as wrong and are left out of calibration."
                                                    : "; they count as wrong.")));
    }
    if (batches[rule.label] > 0) {
      sentences.push_back(text("Under ") + name(rule.label) +
                          text(" " + std::to_string(batches[rule.label]) +
                               (batches[rule.label] == 1 ? " batch was" : " batches were") +
                               " kept out of the statistics because of NaN or infinite values."));
    }
  }
  return sentences;
}

/// What a rule's streams said of one limit, and where.
struct Limit {
  std::string rule;
  std::string kind;   ///< the words without their numbers
  std::string words;  ///< of the first
  std::vector<const eval::Cell*> cells;
};

std::string without_numbers(std::string words) {
  words.erase(std::remove_if(words.begin(), words.end(), [](char c) { return c >= '0' && c <= '9'; }), words.end());
  return words;
}

std::vector<Limit> limits_of(const Summary& summary) {
  std::vector<Limit> limits;
  for (const eval::Cell& cell : summary.result().cells) {
    for (const std::string& words : cell.warnings) {
      const std::string kind = without_numbers(words);
      auto found = std::find_if(limits.begin(), limits.end(),
                                [&](const Limit& limit) { return limit.rule == cell.rule && limit.kind == kind; });
      if (found == limits.end()) {
        found = limits.insert(limits.end(), {cell.rule, kind, words, {}});
      }
      found->cells.push_back(&cell);
    }
  }
  return limits;
}

/// "auto on fog/5 and 3 more cells: the statistics rest on 10 images; ..."
std::vector<Markup> limit_sentences(const Summary& summary) {
  constexpr std::size_t kMostSentences = 8;
  constexpr std::size_t kMostBytes = 400;
  const std::vector<Limit> limits = limits_of(summary);
  std::vector<Markup> sentences;
  for (const Limit& limit : limits) {
    if (sentences.size() == kMostSentences) {
      sentences.push_back(text(count_of(limits.size() - kMostSentences, "more warning") +
                               " of this kind: see the results file (warnings of cells)."));
      break;
    }
    const std::size_t others = limit.cells.size() - 1;
    sentences.push_back(name(limit.rule) + text(" on ") + name(place_of(summary.result(), *limit.cells.front()), 120) +
                        text((others > 0 ? " and " + count_of(others, "more cell") : "") + ": " +
                             shorten(clean_utf8(limit.words), kMostBytes) + "."));
  }
  return sentences;
}

}  // namespace

Markup warnings_section(const Summary& summary) {
  std::vector<Markup> sentences{partial_sentence(summary)};
  for (Markup& sentence : loss_sentences(summary)) {
    sentences.push_back(std::move(sentence));
  }
  sentences.push_back(skipped_sentence(summary));
  for (Markup& sentence : non_finite_sentences(summary)) {
    sentences.push_back(std::move(sentence));
  }
  for (Markup& sentence : limit_sentences(summary)) {
    sentences.push_back(std::move(sentence));
  }
  Markup items;
  for (const Markup& sentence : sentences) {
    items += sentence.empty() ? Markup{} : element("li", sentence);
  }
  return items.empty() ? Markup{} : section("warnings", "Mind this", element("ul", {{"class", "warnings"}}, items));
}

}  // namespace ttscale::report::html
