// SPDX-License-Identifier: MIT
// Puts the sections together, and leaves out what does not fit.
#include "report/html.h"

#include <filesystem>
#include <vector>

#include "report/format.h"
#include "report/grid.h"
#include "report/html/number.h"
#include "report/html/page.h"
#include "report/html/sections.h"

namespace ttscale::report {
namespace {

using html::Limits;
using html::Markup;
using html::Summary;

/// A part of the page and what the links at the top call it.
struct Part {
  const char* id;
  const char* link;
  Markup content;
};

std::vector<Part> parts_of(const Summary& summary, const HtmlOptions& options, const Limits& limits) {
  return {{"headline", "In short", html::headline_section(summary)},
          {"warnings", "Mind this", html::warnings_section(summary)},
          {"heat-map", "Domains and rules", html::heat_map_section(summary)},
          {"curves", "Over the stream", html::curves_section(summary)},
          {"reliability", "Calibration", html::reliability_section(summary)},
          {"sites", "Layers", html::sites_section(summary)},
          {"guard", "Guard", html::guard_section(summary, limits)},
          {"classes", "Classes", html::classes_section(summary, limits)},
          {"examples", "Images", html::examples_section(summary, limits)},
          {"numbers", "Numbers", html::numbers_section(summary, options, limits)},
          {"repeat", "Repeat", html::repeat_section(summary, options)}};
}

std::string title_of(const eval::EvalPlan& plan, const HtmlOptions& options) {
  if (!options.title.empty()) {
    return options.title;
  }
  return "Adapting " + std::filesystem::path(plan.model).filename().string() + " to " + plan.data;
}

Markup subtitle_of(const Summary& summary) {
  const eval::EvalPlan& plan = summary.plan();
  std::string words = html::count_words(plan.images()) + " images in " + count_of(plan.domains.size(), "domain") +
                      ", " + count_of(plan.rules.size(), "rule");
  if (summary.groups().size() == 1) {
    const html::Group& group = summary.groups().front();
    words += "; " + setting_text(summary.plan(), {group.protocol, group.batch_size, 0});
  } else if (summary.groups().size() > 1) {
    words += ", " + count_of(summary.groups().size(), "setting");
  }
  return html::text(words);
}

Markup footer_of(const HtmlOptions& options) {
  return html::element("p", html::text("Made by ttscale: test-time adaptation moves the statistics of a trained model "
                                       "and nothing else. " +
                                       options.versions));
}

std::string page_of(const Summary& summary, const HtmlOptions& options, const Limits& limits) {
  Markup links;
  Markup content;
  for (const Part& part : parts_of(summary, options, limits)) {
    if (!part.content.empty()) {
      links += html::element("li", html::element("a", {{"href", std::string("#") + part.id}}, html::text(part.link)));
      content += part.content;
    }
  }
  const Markup navigation = html::element("nav", {{"aria-label", "Sections"}}, html::element("ul", links));
  return html::page(title_of(summary.plan(), options), subtitle_of(summary), navigation, content, footer_of(options));
}

}  // namespace

std::string to_html(const eval::EvalResult& result, const HtmlOptions& options) {
  const Summary summary(result);
  constexpr std::size_t kNoteRoom = 500;  // for the sentence that says what was left out
  std::string page = page_of(summary, options, {0, true});
  bool long_tables = true;
  if (page.size() + kNoteRoom > options.most_bytes) {
    long_tables = false;
    page = page_of(summary, options, {0, false});
  }
  if (page.size() + kNoteRoom >= options.most_bytes) {
    return page;
  }
  return page_of(summary, options, {options.most_bytes - page.size() - kNoteRoom, long_tables});
}

}  // namespace ttscale::report
