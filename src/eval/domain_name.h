// SPDX-License-Identifier: MIT
// What the name of a domain says: `fog/5` is the kind fog at severity 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "eval/images.h"

namespace ttscale::eval {

/// A name in its parts.
struct DomainName {
  std::string path;  ///< without the severity: "fog", "weather/fog"
  std::string kind;  ///< the last part of it: "fog"
  std::optional<std::int64_t> severity;
};

/// Takes the last level for a severity if it is a number and something stands before it.
DomainName parse_domain_name(const std::string& name);

/// Indices of the domains as papers order them: those without a severity first, then the fifteen corruptions of
/// ImageNet-C in the order of Hendrycks & Dietterich (2019) and its four extra ones, then other kinds; severities
/// upwards. Equals keep their order.
std::vector<std::int64_t> usual_sequence(const std::vector<EvalDomain>& domains);

}  // namespace ttscale::eval
