// SPDX-License-Identifier: MIT
// Writes and splits lines.
#include "eval/order_file.h"

#include "base/file.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

const std::string& plain(const std::string& text) {
  if (text.find_first_of("\t\r\n") != std::string::npos) {
    throw DataError("order: expected names without tabs and line breaks, found \"" + text + "\"; rename it");
  }
  return text;
}

}  // namespace

std::string order_key(const Images& images, const Item& item) {
  const std::string& domain = images.domains()[static_cast<std::size_t>(item.domain)].name;
  return plain(domain) + '\t' + plain(images.relative_path(item));
}

OrderLine parse_order_line(const std::string& line, const std::filesystem::path& file, std::size_t number) {
  std::vector<std::size_t> tabs;
  for (std::size_t tab = line.find('\t'); tab != std::string::npos; tab = line.find('\t', tab + 1)) {
    tabs.push_back(tab);
  }
  if (tabs.size() != 4) {
    throw DataError(file.string() + ": line " + std::to_string(number) +
                    ": expected stream, part, name, domain and path separated by tabs, found " +
                    std::to_string(tabs.size() + 1) + " columns");
  }
  return {line.substr(0, tabs[0]), line.substr(tabs[0] + 1, tabs[1] - tabs[0] - 1),
          line.substr(tabs[1] + 1, tabs[2] - tabs[1] - 1), line.substr(tabs[2] + 1)};
}

void export_order(const std::vector<StreamPlan>& streams, const Images& images, const std::filesystem::path& file) {
  std::string text = std::string(kOrderHeader) + '\n';
  for (std::size_t s = 0; s < streams.size(); ++s) {
    for (std::size_t p = 0; p < streams[s].parts.size(); ++p) {
      const Part& part = streams[s].parts[p];
      const std::string start = std::to_string(s) + '\t' + std::to_string(p) + '\t' + plain(part.name) + '\t';
      for (const Item& item : part.items) {
        text += start + order_key(images, item) + '\n';
      }
    }
  }
  write_file(file, text);
}

}  // namespace ttscale::eval
