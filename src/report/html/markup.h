// SPDX-License-Identifier: MIT
// HTML that is balanced and escaped by construction: text of users cannot become markup, because the two are different
// types.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ttscale::report::html {

/// A piece of HTML (or SVG) in which every element is closed.
struct Markup {
  std::string html;

  [[nodiscard]] bool empty() const { return html.empty(); }
  Markup& operator+=(const Markup& other) {
    html += other.html;
    return *this;
  }
  friend Markup operator+(Markup a, const Markup& b) { return a += b; }
};

/// Name and value of an attribute; the value is escaped.
using Attribute = std::pair<const char*, std::string>;
using Attributes = std::vector<Attribute>;

/// The text as UTF-8 that HTML may hold: U+FFFD in place of bytes that are no UTF-8 and of control characters other
/// than tab and newline.
std::string clean_utf8(const std::string& text);

/// The text with &, <, > and quotes escaped, cleaned by clean_utf8().
Markup text(const std::string& text);

/// Markup that this program wrote itself.
Markup literal(const char* html);

/// <name attributes>content</name>, on a line of its own for elements that hold others.
Markup element(const char* name, const Attributes& attributes, const Markup& content);
Markup element(const char* name, const Markup& content);

/// An element without content: <name attributes/>.
Markup leaf(const char* name, const Attributes& attributes = {});

/// A name that a user chose (path, class, rule): isolated from the direction of the text around it, with places where
/// a line may break, cut in its middle where it has more characters than `width`.
Markup name(const std::string& text, std::size_t width = 60);

/// The bytes in base64 (RFC 4648, with padding).
std::string base64(const std::string& bytes);

}  // namespace ttscale::report::html
