// SPDX-License-Identifier: MIT
// Rows of a batch to their domains, domains to their cells.
#include "eval/open_domains.h"

#include <ATen/ATen.h>

#include "eval/guard_summary.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

std::set<std::int64_t> domains_of(const Part& part) {
  std::set<std::int64_t> domains;
  for (const Item& item : part.items) {
    domains.insert(item.domain);
  }
  return domains;
}

using Rows = std::vector<std::int64_t>;

std::map<std::int64_t, Rows> rows_by_domain(const std::vector<data::Sample>& samples) {
  std::map<std::int64_t, Rows> rows;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    rows[samples[i].domain].push_back(static_cast<std::int64_t>(i));
  }
  return rows;
}

std::vector<data::Sample> samples_of(const std::vector<data::Sample>& samples, const Rows& rows) {
  std::vector<data::Sample> own;
  for (const std::int64_t row : rows) {
    own.push_back(samples[static_cast<std::size_t>(row)]);
  }
  return own;
}

/// Adds the score of some rows of a batch to that of the batch.
void add_rows(BatchScore& batch, const BatchScore& own, const Rows& rows) {
  batch.counted += own.counted;
  for (std::size_t rule = 0; rule < own.correct.size(); ++rule) {
    batch.correct[rule] += own.correct[rule];
  }
  for (std::size_t rule = 0; rule < own.predictions.size(); ++rule) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      batch.predictions[rule][static_cast<std::size_t>(rows[i])] = own.predictions[rule][i];
    }
  }
}

}  // namespace

OpenDomains::OpenDomains(const EvalOptions& options, const Setup& setup, const RuleSet& runs)
    : options_(options), setup_(setup), runs_(runs) {}

void OpenDomains::start(const Unit& unit, std::size_t first_part, std::int64_t finished) {
  unit_ = &unit;
  places_ = finished;
  parts_left_.clear();
  const std::vector<Part>& parts = unit.plan().parts;
  for (std::size_t i = first_part; i < parts.size(); ++i) {
    for (const std::int64_t domain : domains_of(parts[i])) {
      ++parts_left_[domain];
    }
  }
}

std::int64_t OpenDomains::images_of(std::int64_t domain) const {
  std::int64_t images = 0;
  for (const Part& part : unit_->plan().parts) {
    for (const Item& item : part.items) {
      images += item.domain == domain ? 1 : 0;
    }
  }
  return images;
}

void OpenDomains::begin(const Part& part) {
  for (const std::int64_t domain : domains_of(part)) {
    if (open_.count(domain) == 0) {
      open_.emplace(domain, OpenDomain{make_domain_score(options_, runs_, images_of(domain)), 0,
                                       std::vector<std::int64_t>(runs_.size()), std::vector<double>(runs_.size()),
                                       std::vector<std::optional<GuardSummary>>(runs_.size())});
    }
  }
  at_begin_.clear();
  for (const RuleRun& run : runs_.all()) {
    at_begin_.emplace_back(run.rejected(), run.seconds());
  }
}

void OpenDomains::skip(const data::Skipped& skipped) {
  OpenDomain& open = open_.at(skipped.sample.domain);
  if (open.skipped++ == 0) {
    open.first_problem = skipped.reason;
  }
}

BatchScore OpenDomains::add(const Outputs& outputs, const at::Tensor& labels,
                            const std::vector<data::Sample>& samples) {
  const std::map<std::int64_t, Rows> rows = rows_by_domain(samples);
  BatchScore batch = rows.size() == 1 ? open_.at(rows.begin()->first).score->add(outputs, labels, samples)
                                      : add_rows_of_each(rows, outputs, labels, samples);
  for (const auto& [domain, own] : rows) {
    note_guards(open_.at(domain));
  }
  return batch;
}

void OpenDomains::note_guards(OpenDomain& open) const {
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    if (const std::optional<GuardSummary>& batch = runs_[rule].guard()) {
      std::optional<GuardSummary>& guard = open.guards[rule];
      guard = guard.value_or(GuardSummary());
      add_guard(*guard, *batch, open.score->images());
    }
  }
}

BatchScore OpenDomains::add_rows_of_each(const std::map<std::int64_t, Rows>& rows, const Outputs& outputs,
                                         const at::Tensor& labels, const std::vector<data::Sample>& samples) {
  BatchScore batch;
  batch.correct.resize(runs_.size());
  if (options_.task == Task::kClassification) {
    batch.predictions.assign(runs_.size(), std::vector<metrics::Prediction>(samples.size()));
  }
  for (const auto& [domain, own] : rows) {
    const at::Tensor index = at::tensor(own, at::kLong);
    Outputs of_domain{{}, outputs.classes};
    for (const at::Tensor& output : outputs.of_rules) {
      of_domain.of_rules.push_back(output.index_select(0, index));
    }
    DomainScore& score = *open_.at(domain).score;
    add_rows(batch, score.add(of_domain, labels.index_select(0, index), samples_of(samples, own)), own);
  }
  return batch;
}

/// A domain may have parts without a readable image, but must not end without any.
void OpenDomains::check_readable(std::int64_t domain) const {
  const OpenDomain& open = open_.at(domain);
  if (parts_left_.at(domain) == 1 && open.score->images() == 0) {
    throw DataError("data: expected at least one readable image in domain " +
                    setup_.domains[static_cast<std::size_t>(domain)].name + ", found none among " +
                    std::to_string(open.skipped) + "; the first problem was: " + open.first_problem);
  }
}

std::vector<FinishedDomain> OpenDomains::end(const Part& part) {
  for (const std::int64_t domain : domains_of(part)) {
    check_readable(domain);  // of all first: what is closed is no longer among the unfinished
  }
  std::vector<FinishedDomain> finished;
  for (const std::int64_t domain : domains_of(part)) {
    OpenDomain& open = open_.at(domain);
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
      open.rejected[rule] += runs_[rule].rejected() - at_begin_[rule].first;
      open.seconds[rule] += runs_[rule].seconds() - at_begin_[rule].second;
    }
    if (--parts_left_.at(domain) == 0) {
      finished.push_back(finish(domain, open));
      open_.erase(domain);
      ++places_;
    }
  }
  return finished;
}

FinishedDomain OpenDomains::finish(std::int64_t domain, const OpenDomain& open) const {
  FinishedDomain finished;
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    finished.cells.push_back(cell(domain, open, rule));
    finished.classes.push_back(open.score->classes(rule));
    finished.classes.back().rule = runs_[rule].label();
    for (Example example : open.score->examples(rule)) {
      example.setting = setting();
      example.domain = finished.cells.back().domain;
      example.rule = runs_[rule].label();
      finished.examples.push_back(std::move(example));
    }
  }
  return finished;
}

Cell OpenDomains::cell(std::int64_t domain, const OpenDomain& open, std::size_t rule) const {
  Cell cell = open.score->cell(rule);
  cell.setting = setting();
  cell.stream = unit_->stream;
  cell.place = places_;
  cell.domain = setup_.domains[static_cast<std::size_t>(domain)].name;
  cell.rule = runs_[rule].label();
  cell.skipped = open.skipped;
  cell.rejected = open.rejected[rule];
  if (options_.timings) {
    cell.seconds = open.seconds[rule];
  }
  cell.guard = open.guards[rule];
  cell.warnings = runs_[rule].warnings();
  if (options_.site_report) {
    cell.sites = runs_[rule].sites();
  }
  return cell;
}

std::vector<Cell> OpenDomains::unfinished() const {
  std::vector<Cell> cells;
  for (const auto& [domain, open] : open_) {
    for (std::size_t rule = 0; open.score->images() > 0 && rule < runs_.size(); ++rule) {
      cells.push_back(cell(domain, open, rule));
    }
  }
  return cells;
}

}  // namespace ttscale::eval
