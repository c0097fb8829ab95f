// SPDX-License-Identifier: MIT
// Books what becomes final: in the result, and in the journal where there is one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "eval/evaluate.h"
#include "eval/journal.h"
#include "eval/open_domains.h"
#include "eval/rule_set.h"

namespace ttscale::eval {

/// Finished domains wait for a checkpoint, at which they become part of the result together with all that an
/// interrupted run needs to go on from there.
class Ledger {
 public:
  /// Opens the journal. Throws what Journal() throws. Options and result must outlive it.
  Ledger(const EvalOptions& options, EvalResult& result);

  /// How many images earlier runs met; none if there were no such runs.
  [[nodiscard]] std::optional<std::int64_t> images() const;
  /// Length of the predictions file then; 0: there was none.
  [[nodiscard]] std::int64_t predictions_bytes() const;
  /// Takes over what they finished.
  void resume();

  /// Where the work of the earlier runs ended.
  struct Place {
    std::size_t unit = 0;
    std::size_t part = 0;       ///< of that unit; 0: it begins anew
    std::int64_t finished = 0;  ///< domains of the unit
  };
  [[nodiscard]] Place place(std::size_t rules) const;
  /// Loads the statistics of the streams at that place, if they are inside a unit.
  void load(RuleSet& runs) const;

  void add(const FinishedDomain& domain);
  void skip(SkippedFile file) { pending_.skipped.push_back(std::move(file)); }

  /// Books what waits. `parts` of the unit are done, `work` images are met. What throws leaves it waiting for close().
  void checkpoint(std::size_t unit, std::size_t parts, bool unit_done, std::int64_t work, const RuleSet& runs,
                  EvalObserver& observer);

  /// Books what waits without a checkpoint: at the end of a run that was interrupted.
  void close();

 private:
  void take(const Checkpoint& checkpoint);
  [[nodiscard]] const Checkpoint* last() const;

  const EvalOptions& options_;
  EvalResult& result_;
  std::unique_ptr<Journal> journal_;
  Checkpoint pending_;
};

}  // namespace ttscale::eval
