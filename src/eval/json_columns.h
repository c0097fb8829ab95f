// SPDX-License-Identifier: MIT
// A list of structs as one JSON list a member: short in the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "eval/json_values.h"

namespace ttscale::eval {

/// An object with a list for each member, under these names.
template <typename T, typename... Members>
nlohmann::ordered_json columns(const std::vector<T>& values, const std::vector<const char*>& names,
                               Members... members) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  std::size_t i = 0;
  const auto add = [&](auto member) {
    nlohmann::ordered_json column = nlohmann::ordered_json::array();
    for (const T& value : values) {
      column.push_back(value.*member);
    }
    json[names[i++]] = std::move(column);
  };
  (add(members), ...);
  return json;
}

inline void read_value(const nlohmann::ordered_json& json, std::int64_t& to) { to = count_from(json); }
inline void read_value(const nlohmann::ordered_json& json, double& to) { json.get_to(to); }

/// Reads what columns() wrote. Throws nlohmann's exceptions.
template <typename T, typename... Members>
std::vector<T> read_columns(const nlohmann::ordered_json& json, const std::vector<const char*>& names,
                            Members... members) {
  std::vector<T> values(json.at(names.front()).size());
  std::size_t i = 0;
  const auto read = [&](auto member) {
    const nlohmann::ordered_json& column = json.at(names[i++]);
    for (std::size_t k = 0; k < values.size(); ++k) {
      read_value(column.at(k), values[k].*member);
    }
  };
  (read(members), ...);
  return values;
}

}  // namespace ttscale::eval
