// SPDX-License-Identifier: MIT
// Class maps.
#include "data/class_map.h"

#include <set>

#include "refusal.h"
#include "targets.h"

bool ttscale::fuzz::class_map(std::string_view bytes) {
  return may_refuse([&] {
    const auto names = data::parse_class_map(std::string(bytes), "classes.txt");
    require(!names.empty() && std::set<std::string>(names.begin(), names.end()).size() == names.size(),
            "class names that are not different");
  });
}
