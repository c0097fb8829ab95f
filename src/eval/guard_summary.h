// SPDX-License-Identifier: MIT
// What a guard did, from batches to a cell.
#pragma once

#include <cstddef>
#include <cstdint>

#include "eval/result.h"

namespace ttscale::eval {

/// Decisions that a cell keeps.
constexpr std::size_t kMostGuardDecisions = 100;

/// Adds what was done in one batch, after which the domain had met so many images.
void add_guard(GuardSummary& cell, const GuardSummary& batch, std::int64_t images);

}  // namespace ttscale::eval
