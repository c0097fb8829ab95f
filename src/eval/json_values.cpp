// SPDX-License-Identifier: MIT
// Checks that nlohmann-json leaves out: it converts 1.5 and 1e300 to integers without a word, the latter undefined.
#include "eval/json_values.h"

#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "base/message_text.h"
#include "eval/result_json.h"
#include "ttscale/error.h"

namespace ttscale::eval {

using Json = nlohmann::ordered_json;

std::int64_t count_from(const Json& json) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  // The comparisons are those of the numbers as they stand: no conversion happens before.
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() ? json.get<std::uint64_t>() > std::uint64_t{kMost} : json.get<std::int64_t>() < -1)) {
    throw DataError("expected a whole number from -1 to " + std::to_string(kMost) + ", found " +
                    shown(dump_line(json)));
  }
  return json.get<std::int64_t>();
}

std::uint64_t seed_from(const Json& json) {
  if (!json.is_number_unsigned()) {
    throw DataError("expected a whole number without sign, found " + shown(dump_line(json)));
  }
  return json.get<std::uint64_t>();
}

Json parse_json(const std::string& text) {
  if (json_depth(text) > kMaxJsonDepth) {
    throw DataError("expected at most " + std::to_string(kMaxJsonDepth) + " levels of JSON, found more");
  }
  return Json::parse(text);
}

}  // namespace ttscale::eval
