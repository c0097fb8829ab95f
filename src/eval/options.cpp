// SPDX-License-Identifier: MIT
// Checks of the options that need neither model nor data.
#include "eval/options.h"

#include <set>

#include "ttscale/error.h"
#include "ttscale/rule.h"

namespace ttscale::eval {
namespace {

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

}  // namespace

Reset parse_reset(const std::string& text) {
  if (text == "domain") {
    return Reset::kDomain;
  }
  if (text == "never") {
    return Reset::kNever;
  }
  throw UsageError("reset: expected domain or never, found \"" + text + "\"");
}

std::string to_string(Reset reset) { return reset == Reset::kDomain ? "domain" : "never"; }

void EvalOptions::validate() const {
  check_rules(rules);
  ttscale::validate(input);
  preprocessing.validate();
  if (rules.size() > 1 && !(state_in.empty() && state_out.empty())) {
    throw UsageError((state_in.empty() ? "state_out" : "state_in") + std::string(": expected one rule, found ") +
                     std::to_string(rules.size()) + "; a state file holds the statistics of one, name it with --rule");
  }
  check_at_least("batch_size", batch_size, 1);
  check_at_least("workers", workers, 0);
  if (num_samples) {
    check_at_least("num_samples", *num_samples, 1);
  }
  if (device.empty()) {
    throw UsageError("device: expected a device such as cpu or cuda:0, found an empty text");
  }
}

}  // namespace ttscale::eval
