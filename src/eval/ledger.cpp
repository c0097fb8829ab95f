// SPDX-License-Identifier: MIT
// Checkpoints, written and taken over.
#include "eval/ledger.h"

#include <utility>

#include "eval/class_counts.h"
#include "eval/examples.h"

namespace ttscale::eval {

Ledger::Ledger(const EvalOptions& options, EvalResult& result) : options_(options), result_(result) {
  if (!options.journal.empty()) {
    journal_ = std::make_unique<Journal>(options.journal, result.plan);
  }
}

const Checkpoint* Ledger::last() const {
  return journal_ && !journal_->checkpoints().empty() ? &journal_->checkpoints().back() : nullptr;
}

std::optional<std::int64_t> Ledger::images() const {
  return last() == nullptr ? std::nullopt : std::optional<std::int64_t>(last()->work);
}

void Ledger::resume() {
  if (last() == nullptr) {
    return;
  }
  for (const Checkpoint& checkpoint : journal_->checkpoints()) {
    take(checkpoint);
  }
}

std::int64_t Ledger::predictions_bytes() const { return last() == nullptr ? 0 : last()->predictions_bytes; }

Ledger::Place Ledger::place(std::size_t rules) const {
  Place place;
  if (const Checkpoint* const end = last()) {
    place.unit = static_cast<std::size_t>(end->unit) + (end->unit_done ? 1 : 0);
    place.part = end->unit_done ? 0 : static_cast<std::size_t>(end->parts);
    for (const Checkpoint& checkpoint : journal_->checkpoints()) {
      const bool same = !end->unit_done && checkpoint.unit == end->unit;
      place.finished += same ? static_cast<std::int64_t>(checkpoint.cells.size() / rules) : 0;
    }
  }
  return place;
}

void Ledger::load(RuleSet& runs) const {
  const Checkpoint* const end = last();
  for (std::size_t rule = 0; end != nullptr && !end->unit_done && rule < runs.size(); ++rule) {
    runs[rule].load(journal_->state_file(*end, rule));
  }
}

void Ledger::add(const FinishedDomain& domain) {
  pending_.cells.insert(pending_.cells.end(), domain.cells.begin(), domain.cells.end());
  for (const RuleClasses& classes : domain.classes) {
    add_classes(pending_.classes, classes);
  }
  pending_.examples.insert(pending_.examples.end(), domain.examples.begin(), domain.examples.end());
}

void Ledger::checkpoint(std::size_t unit, std::size_t parts, bool unit_done, std::int64_t work, const RuleSet& runs,
                        EvalObserver& observer) {
  pending_.unit = static_cast<std::int64_t>(unit);
  pending_.parts = static_cast<std::int64_t>(parts);
  pending_.unit_done = unit_done;
  pending_.work = work;
  if (journal_) {
    pending_.predictions_bytes = observer.predictions_bytes();
    for (std::size_t rule = 0; !unit_done && rule < runs.size(); ++rule) {
      runs[rule].save(journal_->state_file(pending_, rule));
    }
    journal_->append(pending_);
  }
  // Not before: until here anything may throw, and close() would book the same a second time.
  close();
  if (journal_) {
    Checkpoint before;
    before.unit = static_cast<std::int64_t>(unit);
    for (before.parts = static_cast<std::int64_t>(parts) - 1; before.parts > 0; --before.parts) {
      journal_->remove_states(before, runs.size());
    }
  }
}

void Ledger::close() {
  const Checkpoint done = std::exchange(pending_, {});
  take(done);
}

/// Puts what is final into the result.
void Ledger::take(const Checkpoint& checkpoint) {
  result_.cells.insert(result_.cells.end(), checkpoint.cells.begin(), checkpoint.cells.end());
  result_.skipped.insert(result_.skipped.end(), checkpoint.skipped.begin(), checkpoint.skipped.end());
  for (const RuleClasses& classes : checkpoint.classes) {
    add_classes(result_.classes, classes);
  }
  add_ranked(result_.examples, checkpoint.examples, options_.examples);
}

}  // namespace ttscale::eval
