// SPDX-License-Identifier: MIT
// `ttscale inspect`: what can be adapted in a model.
#include "ttscale/inspect.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.h"
#include "cli/streams.h"

namespace ttscale::cli {
namespace {

std::string to_json(const Inspection& inspection, const std::filesystem::path& model) {
  nlohmann::ordered_json sites = nlohmann::ordered_json::array();
  for (const Site& site : inspection.sites) {
    sites.push_back({{"name", site.name},
                     {"kind", site.kind},
                     {"channels", site.channels},
                     {"eps", site.eps},
                     {"affine", site.affine},
                     {"adaptable", site.adaptable},
                     {"note", site.note}});
  }
  const nlohmann::ordered_json result{{"model", model.string()},
                                      {"summary", inspection.summary},
                                      {"adaptable", inspection.adaptable()},
                                      {"sites", std::move(sites)},
                                      {"operators", inspection.operators}};
  return result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

template <typename Text>
int width(const std::vector<Site>& sites, std::string_view title, Text text) {
  std::size_t result = title.size();
  for (const Site& site : sites) {
    result = std::max(result, text(site).size());
  }
  return static_cast<int>(result);
}

std::string to_table(const Inspection& inspection) {
  const auto& sites = inspection.sites;
  const int name = width(sites, "site", [](const Site& site) -> const std::string& { return site.name; });
  const int kind = width(sites, "kind", [](const Site& site) -> const std::string& { return site.kind; });
  std::ostringstream out;
  if (!sites.empty()) {
    out << std::left << std::setw(name) << "site"
        << "  " << std::setw(kind) << "kind"
        << "  channels  eps      adaptable  note\n";
  }
  for (const Site& site : sites) {
    out << std::left << std::setw(name) << site.name << "  " << std::setw(kind) << site.kind << "  " << std::right
        << std::setw(8) << (site.channels > 0 ? std::to_string(site.channels) : "?") << "  " << std::left
        << std::setw(7) << site.eps << "  " << std::setw(9) << (site.adaptable ? "yes" : "no") << "  " << site.note
        << '\n';
  }
  for (const auto& [name_of_operator, count] : inspection.operators) {
    out << name_of_operator << ": " << count << '\n';
  }
  out << inspection.summary << '\n';
  return out.str();
}

// Padding leaves blanks where a note is empty.
std::string without_trailing_blanks(const std::string& text) {
  std::istringstream in(text);
  std::string result;
  for (std::string line; std::getline(in, line);) {
    result += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return result;
}

}  // namespace

void run(const InspectFlags& flags) {
  const Inspection inspection = inspect(flags.model);
  write_stdout(flags.json ? to_json(inspection, flags.model) : without_trailing_blanks(to_table(inspection)));
}

}  // namespace ttscale::cli
