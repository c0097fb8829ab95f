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

nlohmann::ordered_json to_json(const std::vector<Site>& sites) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Site& site : sites) {
    nlohmann::ordered_json one{{"name", site.name}, {"kind", site.kind},     {"channels", site.channels},
                               {"eps", site.eps},   {"affine", site.affine}, {"adaptable", site.adaptable}};
    if (site.feature) {
      one["chosen"] = site.chosen;
    }
    one["note"] = site.note;
    out.push_back(std::move(one));
  }
  return out;
}

std::string to_json(const Inspection& inspection, const std::filesystem::path& model) {
  const nlohmann::ordered_json result{{"model", model.string()},
                                      {"summary", inspection.summary},
                                      {"adaptable", inspection.adaptable()},
                                      {"chosen_features", inspection.chosen()},
                                      {"sites", to_json(inspection.sites)},
                                      {"features", to_json(inspection.features)},
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

void add_rows(std::ostream& out, const std::vector<Site>& sites, const char* title, const char* question) {
  const int name = width(sites, title, [](const Site& site) -> const std::string& { return site.name; });
  const int kind = width(sites, "kind", [](const Site& site) -> const std::string& { return site.kind; });
  if (!sites.empty()) {
    out << std::left << std::setw(name) << title << "  " << std::setw(kind) << "kind"
        << "  channels  eps      " << std::setw(9) << question << "  note\n";
  }
  for (const Site& site : sites) {
    const bool yes = site.feature ? site.chosen : site.adaptable;
    out << std::left << std::setw(name) << site.name << "  " << std::setw(kind) << site.kind << "  " << std::right
        << std::setw(8) << (site.channels > 0 ? std::to_string(site.channels) : "?") << "  " << std::left
        << std::setw(7);
    if (site.feature) {
      out << '-';
    } else {
      out << site.eps;
    }
    out << "  " << std::setw(9) << (yes ? "yes" : "no") << "  " << site.note << '\n';
  }
}

// Feature sites are of interest where some are worth calibrating; a network whose convolutions all feed BatchNorm has
// as many that are not.
std::string to_table(const Inspection& inspection) {
  std::ostringstream out;
  add_rows(out, inspection.sites, "site", "adaptable");
  if (inspection.chosen() > 0) {
    out << (inspection.sites.empty() ? "" : "\n");
    add_rows(out, inspection.features, "feature site", "calibrate");
    out << '\n';
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
