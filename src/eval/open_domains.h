// SPDX-License-Identifier: MIT
// The domains that a stream has begun to show and not finished.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "eval/domain_score.h"
#include "eval/rule_set.h"
#include "eval/setup.h"

namespace ttscale::eval {

/// What a domain gave at its end.
struct FinishedDomain {
  std::vector<Cell> cells;           ///< a rule each, as all here
  std::vector<RuleClasses> classes;  ///< of these cells alone
  std::vector<Example> examples;
};

/// Scores of the domains of one stream after the other. Options, setup and rules must outlive it.
class OpenDomains {
 public:
  OpenDomains(const EvalOptions& options, const Setup& setup, const RuleSet& runs);

  /// A stream begins at that part, or goes on there after `finished` of its domains.
  void start(const Unit& unit, std::size_t first_part, std::int64_t finished);

  /// Opens what the part shows for the first time; from here on the cost of forwards is that of its domains.
  void begin(const Part& part);

  /// Counts an image that could not be read.
  void skip(const data::Skipped& skipped);

  /// Adds a batch, which may show several domains: each gets its rows. `labels` is [N] or [N, H, W].
  BatchScore add(const Outputs& outputs, const at::Tensor& labels, const std::vector<data::Sample>& samples);

  /// The part is at its end: closes and returns the domains that no later part shows, in their order. Throws DataError,
  /// and closes none, if no image of one of them could be read.
  std::vector<FinishedDomain> end(const Part& part);

  /// Cells of what is open, of domains with at least one image.
  [[nodiscard]] std::vector<Cell> unfinished() const;

  [[nodiscard]] bool empty() const { return open_.empty(); }

 private:
  struct OpenDomain {
    std::unique_ptr<DomainScore> score;
    std::int64_t skipped = 0;
    std::vector<std::int64_t> rejected;               ///< batches, a rule each, of the parts that show the domain
    std::vector<double> seconds;                      ///< likewise
    std::vector<std::optional<GuardSummary>> guards;  ///< a rule each
    std::string first_problem = {};                   ///< of the images that were skipped
  };

  BatchScore add_rows_of_each(const std::map<std::int64_t, std::vector<std::int64_t>>& rows, const Outputs& outputs,
                              const at::Tensor& labels, const std::vector<data::Sample>& samples);
  void note_guards(OpenDomain& open) const;
  void check_readable(std::int64_t domain) const;
  [[nodiscard]] std::int64_t images_of(std::int64_t domain) const;
  [[nodiscard]] Cell cell(std::int64_t domain, const OpenDomain& open, std::size_t rule) const;
  [[nodiscard]] FinishedDomain finish(std::int64_t domain, const OpenDomain& open) const;
  [[nodiscard]] const Setting& setting() const { return setup_.plan.settings[unit_->setting]; }

  const EvalOptions& options_;
  const Setup& setup_;
  const RuleSet& runs_;
  const Unit* unit_ = nullptr;
  std::map<std::int64_t, OpenDomain> open_;
  std::map<std::int64_t, std::int64_t> parts_left_;        ///< of the unit, by domain
  std::int64_t places_ = 0;                                ///< domains of the unit that are finished
  std::vector<std::pair<std::int64_t, double>> at_begin_;  ///< rejected batches and seconds, a rule each
};

}  // namespace ttscale::eval
