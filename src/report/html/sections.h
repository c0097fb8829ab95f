// SPDX-License-Identifier: MIT
// The parts of the page, in their order. Each is empty where the result has no data for it.
#pragma once

#include <cstddef>

#include "report/html.h"
#include "report/html/markup.h"
#include "report/html/summary.h"

namespace ttscale::report::html {

/// How much of the page may be written.
struct Limits {
  std::size_t thumbnail_bytes = 0;  ///< of all of them together, as they stand on the page
  bool long_tables = true;          ///< every class, every number
};

/// Sentences, big numbers and the gains of each rule.
Markup headline_section(const Summary& summary);

/// What a reader has to know before trusting a number.
Markup warnings_section(const Summary& summary);

/// Domains by rules, coloured by gain.
Markup heat_map_section(const Summary& summary);

/// Accuracy over the stream.
Markup curves_section(const Summary& summary);

/// Reliability diagrams and calibration.
Markup reliability_section(const Summary& summary);

/// How far each layer's statistics moved.
Markup sites_section(const Summary& summary);

/// What the guard of each rule decided, and on what evidence.
Markup guard_section(const Summary& summary, const Limits& limits);

/// Classes that a rule helps and hurts.
Markup classes_section(const Summary& summary, const Limits& limits);

/// Images on which source and a rule disagree.
Markup examples_section(const Summary& summary, const Limits& limits);

/// Every number.
Markup numbers_section(const Summary& summary, const HtmlOptions& options, const Limits& limits);

/// Command, versions, settings.
Markup repeat_section(const Summary& summary, const HtmlOptions& options);

/// A section with a heading and an anchor; empty if the content is.
Markup section(const char* id, const char* heading, const Markup& content);

/// A paragraph of explanation in the page's own words.
Markup note(const std::string& words);

/// A table or drawing that may be wider than the page and then scrolls by itself.
Markup scroller(const std::string& label, const Markup& content);

/// The content of each group: one group without a heading, the first of several open, the others folded.
template <typename Function>
Markup for_each_group(const Summary& summary, Function content) {
  Markup all;
  for (const Group& group : summary.groups()) {
    Markup part = content(group);
    if (part.empty()) {
      continue;
    }
    if (!summary.has_several_groups()) {
      return part;
    }
    const Attributes open =
        all.empty() ? Attributes{{"class", "group"}, {"open", "open"}} : Attributes{{"class", "group"}};
    all += element("details", open, element("summary", text(Summary::name(group))) + part);
  }
  return all;
}

}  // namespace ttscale::report::html
