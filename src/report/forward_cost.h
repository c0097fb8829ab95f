// SPDX-License-Identifier: MIT
// What adapting costs (eval/forward_cost.h) as tables, in words and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/forward_cost.h"

namespace ttscale::report {

/// What was measured, and on what.
struct CostSetting {
  std::string model;                 ///< its file
  std::string reference;             ///< its file, or empty
  std::int64_t parameter_bytes = 0;  ///< parameters, buffers and constants
  std::string cpu;                   ///< its name
  std::int64_t threads = 0;          ///< that compute
};

/// The lines above the tables: model, machine, rounds.
std::string cost_heading(const CostSetting& setting, const eval::CostOptions& options);

/// A row a form: median (guarded forms: mean) in ms, median of the ratio to the original in the same round, quartiles
/// of the ratio to the fastest unadapted form in the same round, images a second, kB of a stream's statistics. Below:
/// forms that were not timed with the reason, notes, and a sentence on what adapting costs. Sentences are broken at
/// `width`.
std::string cost_table(const eval::BatchCost& cost, const eval::CostOptions& options, std::size_t width);

/// All of it, with the time of every call, versions and setting. Ends with a newline.
std::string cost_json(const CostSetting& setting, const eval::CostOptions& options,
                      const std::vector<eval::BatchCost>& batches);

}  // namespace ttscale::report
