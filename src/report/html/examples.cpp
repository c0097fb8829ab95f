// SPDX-License-Identifier: MIT
// Images on which source and a rule disagree, the worst losses first.
#include <algorithm>
#include <cmath>

#include "report/format.h"
#include "report/html/number.h"
#include "report/html/sections.h"

namespace ttscale::report::html {
namespace {

constexpr std::size_t kMostShown = 24;  // of losses, and of gains

std::string class_name(const Summary& summary, std::int64_t index) {
  const auto& names = summary.plan().classes;
  if (index < 0) {
    return "no prediction";
  }
  return static_cast<std::size_t>(index) < names.size() ? names[static_cast<std::size_t>(index)]
                                                        : "class " + std::to_string(index);
}

/// "source: cat 81 % wrong".
Markup opinion_line(const Summary& summary, const Markup& who, const eval::Opinion& opinion, std::int64_t label) {
  const bool right = opinion.prediction == label;
  return element(
      "div", {{"class", right ? "opinion right" : "opinion wrong"}},
      element("span", {{"class", "who"}}, who) +
          element("span", {{"class", "mark"}}, text(right ? "\u2713 right: " : "\u2717 wrong: ")) +
          name(class_name(summary, opinion.prediction), 30) +
          text(std::isfinite(opinion.confidence) ? ", " + number_words(100 * opinion.confidence, 0) + " % sure" : ""));
}

/// Thumbnails, as long as there is room for them.
class Thumbnails {
 public:
  explicit Thumbnails(std::size_t room) : room_(room) {}

  Markup show(const Summary& summary, const eval::Example& example) {
    if (example.thumbnail.empty()) {
      return {};
    }
    const std::string data = "data:image/png;base64," + base64(example.thumbnail);
    if (data.size() > room_) {
      left_out_ += 1;
      return {};
    }
    room_ -= data.size();
    return leaf("img", {{"src", data}, {"alt", "a " + class_name(summary, example.label) + " from " + example.domain}});
  }

  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  std::size_t room_;
  std::size_t left_out_ = 0;
};

Markup card(const Summary& summary, const eval::Example& example, Thumbnails& thumbnails) {
  const Markup facts =
      element("div", {{"class", "truth"}},
              element("b", name(class_name(summary, example.label), 30)) + text(" on ") + name(example.domain, 40)) +
      opinion_line(summary, text(summary.source() ? shorten(clean_utf8(*summary.source()), 24) : "source"),
                   example.source, example.label) +
      opinion_line(summary, name(example.rule, 40), example.adapted, example.label) +
      element("div", {{"class", "path"}}, name(example.path, 60)) +
      (summary.has_several_groups()
           ? element("div", {{"class", "path"}},
                     text(example.setting.protocol + ", batch size " + std::to_string(example.setting.batch_size)))
           : Markup{});
  return element("li", {{"class", "example"}}, thumbnails.show(summary, example) + element("div", facts));
}

Markup gallery(const Summary& summary, const std::vector<const eval::Example*>& examples, const char* heading,
               Thumbnails& thumbnails) {
  Markup cards;
  for (std::size_t i = 0; i < std::min(examples.size(), kMostShown); ++i) {
    cards += card(summary, *examples[i], thumbnails);
  }
  return cards.empty() ? Markup{} : element("h3", text(heading)) + element("ul", {{"class", "examples"}}, cards);
}

}  // namespace

Markup examples_section(const Summary& summary, const Limits& limits) {
  std::vector<const eval::Example*> losses;
  std::vector<const eval::Example*> gains;
  for (const eval::Example& example : summary.result().examples) {
    (example.gain < 0 ? losses : gains).push_back(&example);
  }
  const auto less = [](const eval::Example* a, const eval::Example* b) { return a->gain < b->gain; };
  std::stable_sort(losses.begin(), losses.end(), less);
  std::stable_sort(gains.begin(), gains.end(), [&](const auto* a, const auto* b) { return less(b, a); });
  Thumbnails thumbnails(limits.thumbnail_bytes);
  Markup content = gallery(summary, losses, "What adaptation made worse", thumbnails) +
                   gallery(summary, gains, "What adaptation made better", thumbnails);
  if (content.empty()) {
    return {};
  }
  if (thumbnails.left_out() > 0) {
    content += note(count_of(thumbnails.left_out(), "thumbnail") + (thumbnails.left_out() == 1 ? " was" : " were") +
                    " left out: the page would have become too large.");
  }
  return section("examples", "Images that changed",
                 note("The images whose probability of the true class fell and rose most against source, with both "
                      "predictions. They are extremes, not typical images.") +
                     content);
}

}  // namespace ttscale::report::html
