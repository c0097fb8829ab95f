// SPDX-License-Identifier: MIT
// The plan of an evaluation as the head of its JSON document.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "eval/result.h"

namespace ttscale::eval {

/// Reads the fields of plan_to_json() from an object that may have others. Throws nlohmann's exceptions and UsageError.
EvalPlan plan_from_json(const nlohmann::ordered_json& json);

}  // namespace ttscale::eval
