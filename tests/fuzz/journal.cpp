// SPDX-License-Identifier: MIT
// Resume files: as they are, and as lines behind the header of the right evaluation.
#include "eval/journal.h"

#include "refusal.h"
#include "small_plan.h"
#include "targets.h"
#include "versions.h"

bool ttscale::fuzz::journal(std::string_view bytes) {
  static const eval::EvalPlan plan = small_plan();
  static const std::string header = eval::journal_header(plan);
  const std::string text = with_versions(bytes);
  bool accepted = false;
  for (const std::string& content : {text, header + text}) {
    accepted |= may_refuse([&] {
      const eval::JournalText journal = eval::parse_journal(content, plan, "run.journal");
      require(journal.whole_lines <= content.size(), "more whole lines than there is text");
      std::string again = header;
      for (const eval::Checkpoint& checkpoint : journal.checkpoints) {
        again += eval::journal_line(checkpoint);
      }
      std::string twice = header;
      for (const eval::Checkpoint& checkpoint : eval::parse_journal(again, plan, "again").checkpoints) {
        twice += eval::journal_line(checkpoint);
      }
      require(twice == again, "checkpoints that change when written");
    });
  }
  return accepted;
}
