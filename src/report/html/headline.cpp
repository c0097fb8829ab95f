// SPDX-License-Identifier: MIT
// The sentences and numbers at the top of the page.
#include <cmath>

#include "report/advice.h"
#include "report/findings.h"
#include "report/format.h"
#include "report/html/gain_strips.h"
#include "report/html/number.h"
#include "report/html/sections.h"
#include "report/html/verdict.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostAdvice = 1000;

std::string points_words(double points) { return number_words(std::abs(points), 2) + " points"; }

/// " (95 % interval +1.2 to +3.4)", or nothing.
std::string interval_clause(const Gain& gain) {
  return gain.has_interval() ? " (95 % interval " + interval_words(gain.low, gain.high, 2) + ")" : "";
}

Markup strong(const Markup& content) { return element("strong", content); }

Markup where_clause(const Summary& summary, const Finding& finding) {
  return summary.has_several_groups() ? text(" under " + Summary::name(*finding.group)) : Markup{};
}

std::string scope_words(const Group& group) {
  const std::size_t finished = group.stream.size();
  if (finished < group.domains.size()) {
    return " over the " + std::to_string(finished) + " of " + std::to_string(group.domains.size()) +
           " domains that are finished";
  }
  return finished == 1 ? std::string() : " on average over " + count_of(finished, "domain");
}

/// The setting in which the rule's mean gain is least.
Finding worst_setting(const Summary& summary, const std::string& rule) {
  Finding worst;
  worst.rule = rule;
  for (const Group& group : summary.groups()) {
    const Gain gain = summary.mean_gain(group, rule);
    if (std::isfinite(gain.points) && !(gain.points >= worst.gain.points)) {
      worst.group = &group;
      worst.gain = gain;
    }
  }
  return worst;
}

/// Over several settings: what the best rule does in the setting that suits it least.
Markup setting_sentence(const Summary& summary, const Finding& best) {
  const Finding least = worst_setting(summary, best.rule);
  if (!summary.has_several_groups() || least.group == nullptr || least.group == best.group) {
    return {};
  }
  return element("p", text("Of " + std::to_string(summary.groups().size()) + " settings, the least good for ") +
                          name(best.rule) + text(" is " + Summary::name(*least.group) + ": ") +
                          strong(text(signed_words(least.gain.points, 2) + " points")) +
                          text(interval_clause(least.gain) + "."));
}

Markup best_sentence(const Summary& summary, const Finding& best) {
  const std::string scope = scope_words(*best.group);
  Markup sentence;
  const std::string verb = best.gain.points >= 0 ? " gains " : " costs ";
  sentence += text("The best rule, ") + strong(name(best.rule)) + text("," + verb) +
              strong(text(points_words(best.gain.points))) + text(" of " + summary.metric() + scope) +
              where_clause(summary, best) +
              text(": from " + number_words(best.source, 2) + " % without adaptation to ") +
              text(number_words(best.value, 2) + " %" + interval_clause(best.gain) + ".");
  return element("p", sentence);
}

Markup advice_sentence(const Summary& summary) {
  const Advice advice = advise(summary);
  if (advice.empty()) {
    return {};
  }
  const std::string so_far = summary.result().partial ? "So far: " : "";
  return element(
      "p", {{"class", "verdict"}},
      strong(name(so_far + advice.what + ".", kMostAdvice)) + literal(" ") + name(advice.evidence, kMostAdvice));
}

/// What stands at the top of a part.
Markup part_sentence(const Summary& summary) {
  return element("p", {{"class", "verdict"}}, text("This is " + part_note(summary.plan()) + "."));
}

Markup worst_sentence(const Summary& summary, const Verdict& verdict) {
  if (!verdict.worst) {
    return element("p", text("No rule is worse than source on any domain."));
  }
  const Finding& worst = *verdict.worst;
  return element("p", text("The worst loss is ") + strong(text(points_words(worst.gain.points))) + text(": ") +
                          name(worst.rule) + text(" on ") + name(worst.domain) + where_clause(summary, worst) +
                          text(interval_clause(worst.gain) + "."));
}

Markup card(const std::string& number, const std::string& style, const Markup& label) {
  return element("div", {{"class", "card " + style}},
                 element("div", {{"class", "big"}}, text(number)) + element("div", {{"class", "what"}}, label));
}

Markup balance_card(const Summary& summary, const Finding& best) {
  const Balance balance = balance_of(summary, *best.group, best.rule);
  std::string unclear;
  if (balance.known == balance.all()) {
    unclear = balance.unclear == 0 ? "; every 95 % interval excludes zero"
                                   : "; for " + std::to_string(balance.unclear) + " the 95 % interval includes zero";
  }
  return card(std::to_string(balance.better) + " : " + std::to_string(balance.worse), "",
              text("domains better : worse with ") + name(best.rule) + text(unclear));
}

Markup cards(const Summary& summary, const Verdict& verdict) {
  const Finding& best = *verdict.best;
  Markup all = card(signed_words(best.gain.points, 1), best.gain.points < 0 ? "bad" : "good",
                    text("points of " + summary.metric() + (best.gain.points < 0 ? " lost" : " gained") + " by ") +
                        name(best.rule) + text(", the best rule"));
  all += card(
      number_words(best.source, 1) + " \u2192 " + number_words(best.value, 1) + " %", "",
      text((best.group->stream.size() > 1 ? "mean " : "") + summary.metric() + ", source \u2192 ") + name(best.rule));
  if (verdict.worst) {
    all += card(signed_words(verdict.worst->gain.points, 1), "bad",
                text("points, worst loss: ") + name(verdict.worst->rule) + text(" on ") + name(verdict.worst->domain));
  } else {
    all += card("0", "good", text("domains on which a rule is worse than source"));
  }
  if (best.group->stream.size() > 1) {
    all += balance_card(summary, best);
  }
  return element("div", {{"class", "cards"}}, all);
}

/// Without source there are no gains to speak of: the rules' own numbers.
Markup plain_headline(const Summary& summary) {
  Markup all;
  for (const Group& group : summary.groups()) {
    for (const eval::RulePlan& rule : summary.plan().rules) {
      if (const eval::RuleMean* mean = summary.mean(group, rule.label)) {
        const std::string what = (mean->domains > 1 ? "mean " : "") + summary.metric() + ", ";
        const Markup where = summary.has_several_groups() ? text(", " + Summary::name(group)) : Markup{};
        all += card(number_words(eval::headline(mean->scores, summary.plan().task), 1) + " %", "",
                    text(what) + name(rule.label) + where);
      }
    }
  }
  if (all.empty()) {
    return element("p", {{"class", "verdict"}}, text("No domain was finished, so there are no numbers yet."));
  }
  const char* why = summary.source() ? "Only source was run, so there is nothing to compare it with."
                                     : "Source is not among the rules, so there are no gains to tell.";
  return element("p", {{"class", "verdict"}}, text(why)) + element("div", {{"class", "cards"}}, all);
}

std::string interval_note(const Finding& best) {
  if (best.group->seeds.size() > 1) {
    return "Intervals are 95 % and hold two kinds of chance: the order of the images, over " +
           count_of(best.group->seeds.size(), "seed") +
           " (Student\u2019s t), and which images there are (paired bootstrap over them).";
  }
  return best.group->stream.size() > 1
             ? "Intervals of single domains are 95 %, by paired bootstrap over images. The mean over domains has none: "
               "domains may show the same images, and there is one seed."
             : "The interval is 95 %, by paired bootstrap over images.";
}

}  // namespace

Markup headline_section(const Summary& summary) {
  const Verdict verdict = judge(summary);
  if (is_part(summary.plan())) {
    return section("headline", "In short",
                   part_sentence(summary) + (verdict.worst ? worst_sentence(summary, verdict) : Markup{}));
  }
  if (!verdict.best) {
    return section("headline", "In short", plain_headline(summary));
  }
  return section("headline", "In short",
                 advice_sentence(summary) + best_sentence(summary, *verdict.best) +
                     setting_sentence(summary, *verdict.best) + worst_sentence(summary, verdict) +
                     cards(summary, verdict) + gain_strips(summary, *verdict.best->group) +
                     note(interval_note(*verdict.best)));
}

}  // namespace ttscale::report::html
