// SPDX-License-Identifier: MIT
// Writes and splits lines.
#include "eval/order_file.h"

#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/file.h"
#include "base/message_text.h"
#include "data/text_lines.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

const std::string& plain(const std::string& text) {
  if (text.find_first_of("\t\r\n") != std::string::npos) {
    throw DataError("order: expected names without tabs and line breaks, found \"" + shown(text) + "\"; rename it");
  }
  return text;
}

OrderLine split_line(const std::string& line, const std::filesystem::path& file, std::size_t number) {
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

std::vector<OrderLine> split(const std::vector<std::string>& lines, const std::filesystem::path& file) {
  if (lines.empty() || lines.front() != kOrderHeader) {
    throw DataError("protocol replay: expected a file of --export-order, found another: " + file.string());
  }
  std::vector<OrderLine> out;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    out.push_back(split_line(lines[i], file, i + 1));
  }
  return out;
}

using Places = std::unordered_map<std::string, Item>;

/// Items by "domain, tab, path below the data folder".
Places places_of(const Images& images) {
  Places places;
  for (const Item& item : images.in_tree()) {
    places.emplace(order_key(images, item), item);
  }
  return places;
}

const Item& item_at(const Places& places, const std::vector<OrderLine>& lines, std::size_t i,
                    const std::filesystem::path& file) {
  const auto found = places.find(lines[i].key);
  if (found == places.end()) {
    throw DataError(file.string() + ": line " + std::to_string(i + 2) + ": expected an image of these domains, found " +
                    shown(lines[i].key) + "; give the data that the order was exported from");
  }
  return found->second;
}

/// Lets through what a stream meets of each domain first, as often as it meets it.
class FirstImages {
 public:
  explicit FirstImages(std::optional<std::int64_t> most) : most_(most) {}

  bool take(const Item& item) {
    if (!most_) {
      return true;
    }
    std::set<std::int64_t>& met = met_[item.domain];
    if (met.size() < static_cast<std::size_t>(*most_)) {
      met.insert(item.sample);
    }
    return met.count(item.sample) > 0;
  }

 private:
  std::optional<std::int64_t> most_;
  std::map<std::int64_t, std::set<std::int64_t>> met_;  ///< by domain
};

}  // namespace

std::string order_key(const Images& images, const Item& item) {
  const std::string& domain = images.domains()[static_cast<std::size_t>(item.domain)].name;
  return plain(domain) + '\t' + plain(images.relative_path(item));
}

std::vector<OrderLine> read_order(const std::filesystem::path& file) { return split(data::read_lines(file), file); }

std::vector<OrderLine> parse_order(const std::string& text, const std::filesystem::path& file) {
  return split(data::split_lines(text, file), file);
}

std::vector<StreamPlan> replay(const std::vector<OrderLine>& lines, const Images& images,
                               const std::filesystem::path& file) {
  const Places places = places_of(images);
  std::vector<StreamPlan> streams;
  FirstImages first(images.num_samples());
  bool new_part = true;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool new_stream = i == 0 || lines[i].stream != lines[i - 1].stream;
    if (new_stream) {
      streams.emplace_back();
      first = FirstImages(images.num_samples());
    }
    new_part = new_part || new_stream || lines[i].part != lines[i - 1].part;
    const Item& item = item_at(places, lines, i, file);
    if (!first.take(item)) {
      continue;
    }
    if (new_part) {  // of which all may be left out, so that it has none
      streams.back().parts.push_back({lines[i].name, {}});
      new_part = false;
    }
    streams.back().parts.back().items.push_back(item);
  }
  return streams;
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
