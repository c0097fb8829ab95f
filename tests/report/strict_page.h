// SPDX-License-Identifier: MIT
// Reads a page as strictly as XML is read, and tells what is wrong with it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ttscale::report {

/// An element of a page without its content.
struct Tag {
  std::string name;
  std::map<std::string, std::string> attributes;  ///< references resolved
};

/// What was read.
struct StrictPage {
  std::vector<Tag> tags;  ///< in order of their start
  std::string text;       ///< outside <style>, references resolved, a space between blocks
  std::vector<std::string>
      mistakes;  ///< unbalanced or unknown tags, raw '<' or '&', repeated ids or attributes, dead links
  [[nodiscard]] std::size_t count(const std::string& name) const;
  /// Values of an attribute of all elements of that name.
  [[nodiscard]] std::vector<std::string> values(const std::string& name, const std::string& attribute) const;
};

/// Reads a document that begins with <!DOCTYPE html>.
StrictPage read_strictly(const std::string& html);

/// Texts of the cells of a table, row by row, in the order of the page. Tables are numbered from 0.
std::vector<std::vector<std::string>> table_texts(const std::string& html, std::size_t table);

}  // namespace ttscale::report
