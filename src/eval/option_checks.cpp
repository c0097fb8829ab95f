// SPDX-License-Identifier: MIT
#include "eval/option_checks.h"

#include "ttscale/rule.h"

namespace ttscale::eval {

void check_at_least(const std::string& field, std::int64_t value, std::int64_t least) {
  if (value < least) {
    throw UsageError(field + ": expected " + std::to_string(least) + " or more, found " + std::to_string(value));
  }
}

void check_rules(const std::vector<std::string>& rules) {
  if (rules.empty()) {
    throw UsageError("rules: expected at least one, found none; name one with --rule, for example --rule source");
  }
  std::set<std::string> seen;
  for (const std::string& rule : rules) {
    parse_rule(rule);
    if (!seen.insert(rule).second) {
      throw UsageError("rules: expected each once, found \"" + rule + "\" twice; remove one");
    }
  }
}

}  // namespace ttscale::eval
