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
    Markup image = leaf("img", {{"src", "data:image/png;base64," + base64(example.thumbnail)},
                                {"alt", "a " + class_name(summary, example.label) + " from " + example.domain}});
    if (image.html.size() > room_) {
      left_out_ += 1;
      return {};
    }
    room_ -= image.html.size();
    return image;
  }

  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  std::size_t room_;
  std::size_t left_out_ = 0;
};

/// An image as one setting met it, under every rule for which it is an example; the most extreme rule first.
using OneImage = std::vector<const eval::Example*>;

bool is_same_image(const eval::Example& a, const eval::Example& b) {
  return a.path == b.path && a.domain == b.domain && a.setting == b.setting;
}

/// In the order of the first rule of each.
std::vector<OneImage> by_image(const std::vector<const eval::Example*>& examples) {
  std::vector<OneImage> images;
  for (const eval::Example* example : examples) {
    const auto found = std::find_if(images.begin(), images.end(),
                                    [&](const OneImage& image) { return is_same_image(*image.front(), *example); });
    if (found == images.end()) {
      images.push_back({example});
    } else {
      found->push_back(example);
    }
  }
  return images;
}

/// Below the data folder, where it lies there.
std::string shown_path(const Summary& summary, const std::string& path) {
  const std::string& root = summary.plan().data;
  const bool below = !root.empty() && path.rfind(root, 0) == 0 && path.size() > root.size() + 1;
  return below ? path.substr(root.size() + (root.back() == '/' ? 0 : 1)) : path;
}

Markup card(const Summary& summary, const OneImage& image, Thumbnails& thumbnails) {
  const eval::Example& example = *image.front();
  Markup rules;
  for (const eval::Example* rule : image) {
    rules += opinion_line(summary, name(rule->rule, 40), rule->adapted, rule->label);
  }
  const Markup facts =
      element("div", {{"class", "truth"}},
              element("b", name(class_name(summary, example.label), 30)) + text(" on ") + name(example.domain, 40)) +
      opinion_line(summary, text(summary.source() ? shorten(clean_utf8(*summary.source()), 24) : "source"),
                   example.source, example.label) +
      rules + element("div", {{"class", "path"}}, name(shown_path(summary, example.path), 60)) +
      (summary.has_several_groups()
           ? element("div", {{"class", "path"}},
                     text(example.setting.protocol + ", batch size " + std::to_string(example.setting.batch_size)))
           : Markup{});
  return element("li", {{"class", "example"}}, thumbnails.show(summary, example) + element("div", facts));
}

Markup gallery(const Summary& summary, const std::vector<const eval::Example*>& examples, const char* heading,
               Thumbnails& thumbnails) {
  const std::vector<OneImage> images = by_image(examples);
  Markup cards;
  for (std::size_t i = 0; i < std::min(images.size(), kMostShown); ++i) {
    cards += card(summary, images[i], thumbnails);
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
  const auto& all = summary.result().examples;
  if (std::all_of(all.begin(), all.end(), [](const eval::Example& example) { return example.thumbnail.empty(); })) {
    content += note(
        "The images themselves are on the page that ttscale eval --html writes; results files, which this "
        "page was made from, do not hold them.");
  }
  if (thumbnails.left_out() > 0) {
    content += note(count_of(thumbnails.left_out(), "thumbnail") + (thumbnails.left_out() == 1 ? " was" : " were") +
                    " left out: the page would have become too large.");
  }
  return section(
      "examples", "Images that changed",
      note("The images whose probability of the true class fell and rose most against source, with both "
           "predictions. They are extremes, not typical images; a rule is named where the image is among its "
           "extremes.") +
          content);
}

}  // namespace ttscale::report::html
