// SPDX-License-Identifier: MIT
// A parser that forgives nothing.
#include "strict_page.h"

#include <algorithm>
#include <set>

namespace ttscale::report {
namespace {

const std::map<std::string, std::string>& references() {
  static const std::map<std::string, std::string> kReferences{
      {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"#39", "'"}};
  return kReferences;
}

/// Elements that the page may use; a <script> is not among them.
const std::set<std::string>& known() {
  static const std::set<std::string> kKnown{
      "html",  "head",  "meta", "link", "title",    "style",   "body",       "header",  "main",    "footer",  "nav",
      "h1",    "h2",    "h3",   "p",    "section",  "div",     "span",       "b",       "strong",  "small",   "bdi",
      "wbr",   "a",     "ul",   "ol",   "li",       "dl",      "dt",         "dd",      "table",   "caption", "thead",
      "tbody", "tfoot", "tr",   "th",   "td",       "figure",  "figcaption", "details", "summary", "pre",     "code",
      "img",   "svg",   "desc", "line", "polyline", "polygon", "circle",     "rect",    "text"};
  return kKnown;
}

std::string squeezed(const std::string& text) {
  std::string out;
  for (const char character : text) {
    if ((character != ' ' && character != '\n') || (!out.empty() && out.back() != ' ')) {
      out += character == '\n' ? ' ' : character;
    }
  }
  return out.substr(0, out.find_last_not_of(' ') + 1);
}

class Parser {
 public:
  explicit Parser(const std::string& html) : html_(html) {}

  StrictPage run() {
    constexpr const char* kType = "<!DOCTYPE html>";
    if (html_.rfind(kType, 0) != 0) {
      mistake("no <!DOCTYPE html> at the beginning");
    }
    position_ = std::string(kType).size();
    while (position_ < html_.size()) {
      if (html_[position_] != '<') {
        read_text();
      } else if (html_.compare(position_, 2, "</") == 0) {
        read_end();
      } else {
        read_start();
      }
    }
    for (const std::string& name : open_) {
      mistake("<" + name + "> is never closed");
    }
    check_references();
    page_.text = squeezed(page_.text);
    return std::move(page_);
  }

 private:
  void mistake(const std::string& what) { page_.mistakes.push_back(what + " at byte " + std::to_string(position_)); }

  std::string resolved(const std::string& raw) {
    std::string text;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '&') {
        text += raw[i];
        continue;
      }
      const std::size_t end = raw.find(';', i);
      const auto found = references().find(end == std::string::npos ? "" : raw.substr(i + 1, end - i - 1));
      if (found == references().end()) {
        mistake("unescaped & in \"" + raw.substr(i, 20) + "\"");
        text += '&';
      } else {
        text += found->second;
        i = end;
      }
    }
    return text;
  }

  void read_text() {
    const std::size_t end = std::min(html_.find('<', position_), html_.size());
    const std::string raw = html_.substr(position_, end - position_);
    const bool style = !open_.empty() && open_.back() == "style";
    if (!style && raw.find('>') != std::string::npos) {
      mistake("unescaped > in \"" + raw.substr(0, 40) + "\"");
    }
    page_.text += style ? std::string() : resolved(raw);
    position_ = end;
  }

  void read_end() {
    const std::size_t end = html_.find('>', position_);
    const std::string name = html_.substr(position_ + 2, end - position_ - 2);
    if (open_.empty() || open_.back() != name) {
      mistake("</" + name + "> closes " + (open_.empty() ? "nothing" : "<" + open_.back() + ">"));
    } else {
      open_.pop_back();
      separate(name);
    }
    position_ = end == std::string::npos ? html_.size() : end + 1;
  }

  /// Words of different blocks are different words; those of inline elements are not.
  void separate(const std::string& name) {
    static const std::set<std::string> kInline{"bdi", "wbr", "b", "strong", "a", "code"};
    page_.text += kInline.count(name) == 0 ? " " : "";
  }

  std::string read_name() {
    std::size_t end = position_;
    while (end < html_.size() && (std::isalnum(static_cast<unsigned char>(html_[end])) != 0 || html_[end] == '-')) {
      ++end;
    }
    const std::string name = html_.substr(position_, end - position_);
    position_ = end;
    return name;
  }

  void read_attribute(Tag& tag) {
    const std::string name = read_name();
    if (name.empty() || html_.compare(position_, 2, "=\"") != 0) {
      mistake("expected attribute=\"value\" in <" + tag.name + ">");
      position_ = std::min(html_.find('>', position_), html_.size());
      return;
    }
    const std::size_t start = position_ + 2;
    const std::size_t end = std::min(html_.find('"', start), html_.size());
    const std::string raw = html_.substr(start, end - start);
    if (raw.find('<') != std::string::npos) {
      mistake("unescaped < in an attribute");
    }
    if (!tag.attributes.emplace(name, resolved(raw)).second) {
      mistake("attribute " + name + " twice in <" + tag.name + ">");
    }
    position_ = end + 1;
  }

  void read_start() {
    ++position_;
    Tag tag{read_name(), {}};
    if (known().count(tag.name) == 0) {
      mistake("unknown element <" + tag.name + ">");
    }
    while (position_ < html_.size() && html_[position_] == ' ') {
      ++position_;
      read_attribute(tag);
    }
    const bool leaf = html_.compare(position_, 2, "/>") == 0;
    if (!leaf && (position_ >= html_.size() || html_[position_] != '>')) {
      mistake("<" + tag.name + " does not end");
    }
    position_ = std::min(html_.size(), position_ + (leaf ? 2 : 1));
    if (!leaf) {
      open_.push_back(tag.name);
    }
    separate(tag.name);
    page_.tags.push_back(std::move(tag));
  }

  void check_references() {
    std::set<std::string> ids;
    for (const Tag& tag : page_.tags) {
      const auto id = tag.attributes.find("id");
      if (id != tag.attributes.end() && !ids.insert(id->second).second) {
        mistake("id " + id->second + " twice");
      }
    }
    for (const std::string& link : page_.values("a", "href")) {
      if (link.empty() || link.front() != '#' || ids.count(link.substr(1)) == 0) {
        mistake("link to " + link + ", which is not on the page");
      }
    }
  }

  const std::string& html_;
  std::size_t position_ = 0;
  std::vector<std::string> open_;
  StrictPage page_;
};

std::string text_of(const std::string& html) { return read_strictly("<!DOCTYPE html>" + html).text; }

}  // namespace

std::size_t StrictPage::count(const std::string& name) const {
  return static_cast<std::size_t>(
      std::count_if(tags.begin(), tags.end(), [&](const Tag& tag) { return tag.name == name; }));
}

std::vector<std::string> StrictPage::values(const std::string& name, const std::string& attribute) const {
  std::vector<std::string> found;
  for (const Tag& tag : tags) {
    const auto value = tag.attributes.find(attribute);
    if (tag.name == name && value != tag.attributes.end()) {
      found.push_back(value->second);
    }
  }
  return found;
}

StrictPage read_strictly(const std::string& html) { return Parser(html).run(); }

std::vector<std::vector<std::string>> table_texts(const std::string& html, std::size_t table) {
  std::size_t start = 0;
  for (std::size_t i = 0; i <= table; ++i) {
    start = html.find("<table", start == 0 ? 0 : start + 1);
    if (start == std::string::npos) {
      return {};
    }
  }
  const std::string body = html.substr(start, html.find("</table>", start) - start);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t row = body.find("<tr"); row != std::string::npos; row = body.find("<tr", row + 1)) {
    const std::size_t row_end = body.find("</tr>", row);
    rows.emplace_back();
    for (std::size_t cell = body.find("<t", row + 1); cell < row_end; cell = body.find("<t", cell + 1)) {
      const std::size_t end = std::min(body.find("</th>", cell), body.find("</td>", cell));
      rows.back().push_back(text_of(body.substr(cell, end + 5 - cell)));
      cell = end;
    }
  }
  return rows;
}

}  // namespace ttscale::report
