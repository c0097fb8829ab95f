// SPDX-License-Identifier: MIT
// The first steps of reading our JSON files: text to values, values to whole numbers.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace ttscale::eval {

/// A count, or an index from -1 (none). Throws DataError for anything but a whole number from -1 to 2^48: sums of many
/// stay far inside 64 bits.
std::int64_t count_from(const nlohmann::ordered_json& json);

/// A seed: any whole number of 64 bits without sign. Throws DataError for anything else.
std::uint64_t seed_from(const nlohmann::ordered_json& json);

/// `text` as JSON. Throws DataError, without the file's name, if it is none or nested too deep.
nlohmann::ordered_json parse_json(const std::string& text);

}  // namespace ttscale::eval
