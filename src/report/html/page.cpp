// SPDX-License-Identifier: MIT
// Head and body, and the frames that sections share.
#include "report/html/page.h"

#include "report/html/sections.h"
#include "report/html/style.h"

namespace ttscale::report::html {

Markup section(const char* id, const char* heading, const Markup& content) {
  if (content.empty()) {
    return {};
  }
  return element("section", {{"id", id}, {"aria-labelledby", std::string(id) + "-heading"}},
                 element("h2", {{"id", std::string(id) + "-heading"}}, text(heading)) + content) +
         literal("\n");
}

Markup note(const std::string& words) { return element("p", {{"class", "note"}}, text(words)); }

Markup scroller(const std::string& label, const Markup& content) {
  return element("div", {{"class", "scroll"}, {"role", "region"}, {"aria-label", label}, {"tabindex", "0"}}, content);
}

std::string page(const std::string& title, const Markup& subtitle, const Markup& navigation, const Markup& content,
                 const Markup& footer) {
  // Nothing may be loaded: whatever a name on the page says, the browser fetches no byte.
  const Markup head = leaf("meta", {{"charset", "utf-8"}}) +
                      leaf("meta", {{"http-equiv", "Content-Security-Policy"},
                                    {"content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}}) +
                      leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}}) +
                      leaf("meta", {{"name", "color-scheme"}, {"content", "light dark"}}) +
                      leaf("link", {{"rel", "icon"}, {"href", "data:,"}}) + element("title", text(title)) +
                      element("style", literal(style_sheet()));
  const Markup body = element("header", element("h1", name(title, 160)) +
                                            element("p", {{"class", "subtitle"}}, subtitle) + navigation) +
                      literal("\n") + element("main", content) + element("footer", footer);
  return "<!DOCTYPE html>\n" +
         element("html", {{"lang", "en"}}, element("head", head) + literal("\n") + element("body", body)).html + '\n';
}

}  // namespace ttscale::report::html
