// SPDX-License-Identifier: MIT
// Resume files: as they are, and as lines behind the header of the right evaluation.
#include "eval/journal.h"

#include "refusal.h"
#include "small_plan.h"
#include "targets.h"
#include "versions.h"

namespace ttscale::fuzz {
namespace {

std::string written(const eval::JournalText& journal, const std::string& header) {
  std::string text = header;
  for (const eval::Checkpoint& checkpoint : journal.checkpoints) {
    text += eval::journal_line(checkpoint);
  }
  return text;
}

}  // namespace

bool journal(std::string_view bytes) {
  static const eval::EvalPlan plan = small_plan();
  static const std::string header = eval::journal_header(plan);
  const std::string text = with_versions(bytes);
  bool accepted = false;
  for (const std::string& content : {text, header + text}) {
    accepted |= may_refuse([&] {
      const eval::JournalText journal = eval::parse_journal(content, plan, "run.journal");
      require(journal.whole_lines <= content.size(), "more whole lines than there is text");
      if (journal.checkpoints.empty()) {
        return;  // most inputs; reading them again would only cost time
      }
      const std::string again = written(journal, header);
      const std::string twice = written(eval::parse_journal(again, plan, "again"), header);
      require(twice == again, "checkpoints that change when written");
    });
  }
  return accepted;
}

}  // namespace ttscale::fuzz
