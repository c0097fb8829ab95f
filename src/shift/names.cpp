// SPDX-License-Identifier: MIT
// Names of shifts: reading, writing, hashing.
#include <algorithm>
#include <sstream>

#include "base/message_text.h"
#include "base/option_text.h"
#include "shift/kinds.h"
#include "shift/random.h"
#include "shift/shift.h"
#include "ttscale/error.h"

namespace ttscale::shift {
namespace {

std::vector<std::string> kinds_of(const std::vector<std::string>& group_names) {
  std::vector<std::string> result;
  for (const Kind& kind : kind_table()) {
    if (std::find(group_names.begin(), group_names.end(), kind.group) != group_names.end()) {
      result.emplace_back(kind.name);
    }
  }
  return result;
}

std::vector<std::string> group_names() {
  std::vector<std::string> names;
  for (const Group& group : groups()) {
    names.push_back(group.name);
  }
  return names;
}

std::vector<std::string> expand(const std::string& name) {
  for (const Group& group : groups()) {
    if (group.name == name) {
      return group.kinds;
    }
  }
  if (std::find(kinds().begin(), kinds().end(), name) == kinds().end()) {
    throw UsageError("unknown shift '" + shown(name) + "'; expected a group (" + join(group_names()) +
                     ") or a kind: " + join(kinds()));
  }
  return {name};
}

void check_severity(std::int64_t severity) {
  if (severity < 1 || severity > 5) {
    throw UsageError("severity: expected 1 to 5, found " + std::to_string(severity));
  }
}

std::vector<std::int64_t> parse_severities(const std::string& word, const std::string& text) {
  std::vector<std::int64_t> result;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    if (part.size() != 1 || part[0] < '1' || part[0] > '5') {
      throw UsageError("shift '" + shown(word) +
                       "': expected severities of 1 to 5, separated by commas, after the colon; found '" + shown(part) +
                       "'");
    }
    result.push_back(part[0] - '0');
  }
  if (result.empty() || text.back() == ',') {
    throw UsageError("shift '" + shown(word) + "': expected a severity of 1 to 5 after '" + word.back() +
                     "', found nothing");
  }
  return result;
}

void append(std::vector<Shift>& shifts, const std::string& name, const std::vector<std::int64_t>& severities) {
  for (const std::string& kind : expand(name)) {
    for (const std::int64_t severity : severities) {
      check_severity(severity);
      Shift shift{kind, severity};
      if (std::find(shifts.begin(), shifts.end(), shift) == shifts.end()) {
        shifts.push_back(std::move(shift));
      }
    }
  }
}

/// FNV-1a: simple, and the same everywhere.
std::uint64_t hash(const std::string& text) {
  std::uint64_t result = 0xcbf29ce484222325U;
  for (const char character : text) {
    result = (result ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
  }
  return result;
}

}  // namespace

Parameters parse_parameters(const std::string& text, const std::string& option) {
  for (const auto parameters : {Parameters::kImageNet, Parameters::kCifar}) {
    if (text == to_string(parameters)) {
      return parameters;
    }
  }
  throw UsageError(option + ": expected imagenet or cifar, found '" + shown(text) + "'");
}

std::string to_string(Parameters parameters) { return parameters == Parameters::kImageNet ? "imagenet" : "cifar"; }

std::string Shift::domain() const { return kind + '/' + std::to_string(severity); }

const std::vector<Group>& groups() {
  static const std::vector<Group> all{{"imagenet-c", kinds_of({"imagenet-c"})},
                                      {"extra", kinds_of({"extra"})},
                                      {"all", kinds_of({"imagenet-c", "extra"})},
                                      {"real", kinds_of({"real"})}};
  return all;
}

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = kinds_of({"imagenet-c", "extra", "real"});
  return all;
}

std::vector<Shift> parse_shifts(const std::string& text) {
  std::string spaced = text;
  std::replace(spaced.begin(), spaced.end(), ';', ' ');
  std::istringstream words(spaced);
  std::vector<Shift> shifts;
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    append(shifts, word.substr(0, colon),
           colon == std::string::npos ? std::vector<std::int64_t>{1, 2, 3, 4, 5}
                                      : parse_severities(word, word.substr(colon + 1)));
  }
  if (shifts.empty()) {
    throw UsageError("shift: expected a group (" + join(group_names()) +
                     ") or a kind, such as gaussian_noise:3,5; found '" + shown(text) + "'");
  }
  return shifts;
}

std::vector<Shift> combine_shifts(const std::vector<std::string>& names, const std::vector<std::int64_t>& severities) {
  std::vector<Shift> shifts;
  for (const std::string& name : names) {
    append(shifts, name, severities);
  }
  return shifts;
}

std::uint64_t image_seed(std::uint64_t seed, const Shift& shift, const std::string& relative_path) {
  // A zero byte cannot occur in a path, so no two names run together to the same text.
  return mix(hash(shift.domain() + '\0' + relative_path) ^ mix(seed));
}

}  // namespace ttscale::shift
