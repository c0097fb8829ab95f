// SPDX-License-Identifier: MIT
// Resume files: as they are, and as lines behind the header of the right evaluation.
#include "eval/journal.h"

#include <string>
#include <vector>

#include "refusal.h"
#include "small_plan.h"
#include "targets.h"
#include "versions.h"

namespace ttscale::fuzz {
namespace {

std::string written(const std::vector<eval::Checkpoint>& checkpoints) {
  std::string text;
  for (const eval::Checkpoint& checkpoint : checkpoints) {
    text += eval::journal_line(checkpoint);
  }
  return text;
}

/// What was read must be the same when it is written and read again.
void read_again(const std::vector<eval::Checkpoint>& checkpoints) {
  const std::string once = written(checkpoints);
  require(written(eval::parse_checkpoints(once, "again", 1)) == once, "checkpoints that change when written");
}

}  // namespace

bool journal(std::string_view bytes) {
  static const eval::EvalPlan plan = small_plan();
  const std::string text = with_versions(bytes);
  const bool whole = may_refuse([&] {
    const eval::JournalText journal = eval::parse_journal(text, plan, "run.journal");
    require(journal.whole_lines <= text.size(), "more whole lines than there is text");
    read_again(journal.checkpoints);
  });
  // The comparison with a plan takes longer than all lines: most runs do without.
  return may_refuse([&] { read_again(eval::parse_checkpoints(text, "run.journal", 1)); }) || whole;
}

}  // namespace ttscale::fuzz
