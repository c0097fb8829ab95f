// SPDX-License-Identifier: MIT
// The result as the page shows it: seeds averaged, rules compared with source.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "eval/result.h"

namespace ttscale::report::html {

/// One protocol with one batch size: what a heat map shows.
struct Group {
  std::string protocol;
  std::int64_t batch_size = 0;
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> domains;  ///< of the plan, then others that cells have
  std::vector<std::string> stream;   ///< finished domains in the order in which the stream met them
};

/// A gain in points and how well it is known; NaN where there is none.
struct Gain {
  double points = eval::Scores::kNone;
  double low = eval::Scores::kNone;  ///< ends of the 95 % interval
  double high = eval::Scores::kNone;

  [[nodiscard]] bool has_interval() const { return low <= high; }
  /// The interval includes zero.
  [[nodiscard]] bool unclear() const { return has_interval() && low <= 0 && high >= 0; }
};

/// A rule on a domain within a group: the mean over seeds.
struct Entry {
  std::vector<const eval::Cell*> cells;  ///< one a finished seed
  double value = eval::Scores::kNone;    ///< %: top-1 or mIoU
  /// Against source on the same images. The interval is that over images (the cells' own by paired bootstrap, averaged
  /// over seeds); with several seeds it spans that over seeds (Student's t), too.
  Gain gain;
};

/// Look-ups over a result, which must outlive it.
class Summary {
 public:
  explicit Summary(const eval::EvalResult& result);

  [[nodiscard]] const eval::EvalResult& result() const { return result_; }
  [[nodiscard]] const eval::EvalPlan& plan() const { return result_.plan; }
  /// Groups with at least one finished cell, in the order of the plan.
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  /// Label of the first rule that is `source`.
  [[nodiscard]] const std::optional<std::string>& source() const { return source_; }
  /// Labels of the other rules.
  [[nodiscard]] const std::vector<std::string>& adapting() const { return adapting_; }
  [[nodiscard]] bool is_source(const std::string& rule) const { return source_ && *source_ == rule; }

  [[nodiscard]] Entry entry(const Group& group, const std::string& domain, const std::string& rule) const;
  /// EvalResult::means() of that group and rule, or nullptr. A part (`--shard`) has none: its domains and seeds are
  /// those that were dealt to it.
  [[nodiscard]] const eval::RuleMean* mean(const Group& group, const std::string& rule) const;
  /// Gain of the mean over domains. With one domain its interval is that of the domain. With several domains and seeds
  /// it spans that over seeds (Student's t) and, where all cells have intervals, that over images: gain +- the mean of
  /// the domains' half widths, the most that it can be whatever images they share. With several domains and one seed
  /// there is none.
  [[nodiscard]] Gain mean_gain(const Group& group, const std::string& rule) const;

  /// Name of the number that the task is judged by: "top-1", "mIoU".
  [[nodiscard]] const std::string& metric() const { return metric_; }
  /// Whether `group` has to be named to tell it from others.
  [[nodiscard]] bool has_several_groups() const { return groups_.size() > 1; }
  /// "continual, batch size 64", with the seeds where there are several.
  [[nodiscard]] static std::string name(const Group& group);

 private:
  using Key = std::tuple<std::string, std::int64_t, std::uint64_t, std::string, std::string>;

  /// A rule and source on the same images.
  struct Pair {
    const eval::Cell* adapted = nullptr;
    const eval::Cell* plain = nullptr;
  };

  void add_to_group(const eval::Cell& cell);
  [[nodiscard]] double points_of(const Pair& pair) const;
  /// A pair each domain of the stream; none for a seed that is not through, which would compare other domains.
  [[nodiscard]] std::vector<Pair> pairs(const Group& group, std::uint64_t seed, const std::string& rule) const;
  [[nodiscard]] const eval::Cell* cell(const Group& group, std::uint64_t seed, const std::string& domain,
                                       const std::string& rule) const;

  const eval::EvalResult& result_;
  std::vector<eval::RuleMean> means_;
  std::vector<Group> groups_;
  std::optional<std::string> source_;
  std::vector<std::string> adapting_;
  std::map<Key, const eval::Cell*> cells_;
  std::string metric_;
};

}  // namespace ttscale::report::html
