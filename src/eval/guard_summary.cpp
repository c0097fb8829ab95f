// SPDX-License-Identifier: MIT
// Sums of counts, lists that end.
#include "eval/guard_summary.h"

namespace ttscale::eval {

void add_guard(GuardSummary& cell, const GuardSummary& batch, std::int64_t images) {
  cell.unable = batch.unable;
  cell.compared += batch.compared;
  cell.action = batch.action;
  cell.left_out += batch.left_out;
  for (GuardDecision decision : batch.decisions) {
    if (cell.decisions.size() == kMostGuardDecisions) {
      ++cell.left_out;
    } else {
      decision.images = images;
      cell.decisions.push_back(decision);
    }
  }
}

}  // namespace ttscale::eval
