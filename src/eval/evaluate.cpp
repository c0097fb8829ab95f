// SPDX-License-Identifier: MIT
// The loop over streams, their parts, batches and rules.
#include "eval/evaluate.h"

#include <ATen/ATen.h>

#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "data/loader.h"
#include "eval/class_counts.h"
#include "eval/domain_score.h"
#include "eval/examples.h"
#include "eval/journal.h"
#include "eval/order_file.h"
#include "eval/part_loader.h"
#include "eval/rule_set.h"
#include "eval/setup.h"
#include "eval/thumbnails.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

/// A domain that is being met.
struct OpenDomain {
  DomainScore score;
  std::int64_t skipped = 0;
  std::vector<std::int64_t> rejected;  ///< batches, a rule each, of the parts that show the domain
  std::vector<double> seconds;         ///< likewise
};

std::set<std::int64_t> domains_of(const Part& part) {
  std::set<std::int64_t> domains;
  for (const Item& item : part.items) {
    domains.insert(item.domain);
  }
  return domains;
}

/// An evaluation in progress.
class Evaluation {
 public:
  Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result);

  void run();

 private:
  void resume();
  void run_unit(std::size_t unit);
  void run_part(const Unit& unit, const Part& part);
  void score(const Unit& unit, const data::Batch& batch);
  void score_domain(const std::vector<at::Tensor>& logits, const data::Batch& batch, std::int64_t domain,
                    const std::vector<std::int64_t>& rows, std::vector<std::vector<metrics::Prediction>>& predictions);
  void finish_domains(const Unit& unit, std::size_t parts_done);
  void finish(const Unit& unit, std::int64_t domain, OpenDomain& open);
  void take(const Checkpoint& checkpoint);
  void save_checkpoint(std::size_t unit, std::size_t parts_done);
  void keep_unfinished(const Unit& unit);
  void add_pictures();

  [[nodiscard]] OpenDomain& open(const Unit& unit, std::int64_t domain);
  [[nodiscard]] Cell cell(const Unit& unit, std::int64_t domain, const OpenDomain& open, std::size_t rule) const;
  [[nodiscard]] const Setting& setting(const Unit& unit) const { return result_.plan.settings[unit.setting]; }

  const EvalOptions& options_;
  Setup setup_;
  EvalObserver& observer_;
  EvalResult& result_;
  RuleSet runs_;
  std::shared_ptr<data::DecodeCache> cache_;
  std::unique_ptr<Journal> journal_;

  std::map<std::int64_t, OpenDomain> open_;          ///< domains of the unit that are not finished
  std::map<std::int64_t, std::int64_t> parts_left_;  ///< of the unit, by domain
  std::int64_t places_ = 0;                          ///< domains of the unit that are finished
  std::vector<std::int64_t> part_correct_;           ///< a rule each
  std::int64_t part_images_ = 0;
  Checkpoint pending_;  ///< what became final since the last checkpoint
  std::int64_t work_ = 0;
};

Evaluation::Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result)
    : options_(options),
      setup_(std::move(setup)),
      observer_(observer),
      result_(result),
      runs_(options_, setup_),
      cache_(std::make_shared<data::DecodeCache>(options.cache_bytes)) {
  if (!options.journal.empty()) {
    journal_ = std::make_unique<Journal>(options.journal, result.plan);
  }
}

void Evaluation::run() {
  resume();
  std::size_t first = 0;
  if (journal_ && !journal_->checkpoints().empty()) {
    const Checkpoint& last = journal_->checkpoints().back();
    first = static_cast<std::size_t>(last.unit) + (last.unit_done ? 1 : 0);
  }
  for (std::size_t unit = first; unit < setup_.units.size(); ++unit) {
    try {
      run_unit(unit);
    } catch (...) {
      keep_unfinished(setup_.units[unit]);
      throw;
    }
  }
  if (!options_.state_out.empty()) {
    runs_[0].save(options_.state_out);
  }
  add_pictures();
}

void Evaluation::resume() {
  if (!journal_ || journal_->checkpoints().empty()) {
    return;
  }
  for (const Checkpoint& checkpoint : journal_->checkpoints()) {
    take(checkpoint);
  }
  const Checkpoint& last = journal_->checkpoints().back();
  work_ = last.work;
  observer_.resumed(work_, last.predictions_bytes);
}

/// Puts what is final into the result.
void Evaluation::take(const Checkpoint& checkpoint) {
  result_.cells.insert(result_.cells.end(), checkpoint.cells.begin(), checkpoint.cells.end());
  result_.skipped.insert(result_.skipped.end(), checkpoint.skipped.begin(), checkpoint.skipped.end());
  for (const RuleClasses& classes : checkpoint.classes) {
    add_classes(result_.classes, classes);
  }
  add_ranked(result_.examples, checkpoint.examples, options_.examples);
}

void Evaluation::run_unit(std::size_t number) {
  const Unit& unit = setup_.units[number];
  std::size_t first = 0;
  places_ = 0;
  runs_.restart();
  if (journal_ && !journal_->checkpoints().empty() &&
      journal_->checkpoints().back().unit == static_cast<std::int64_t>(number)) {
    const Checkpoint& last = journal_->checkpoints().back();
    first = static_cast<std::size_t>(last.parts);
    for (const Checkpoint& checkpoint : journal_->checkpoints()) {
      places_ += checkpoint.unit == last.unit ? static_cast<std::int64_t>(checkpoint.cells.size() / runs_.size()) : 0;
    }
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
      runs_[rule].load(journal_->state_file(last, rule));
    }
  }
  const std::vector<Part>& parts = unit.plan().parts;
  parts_left_.clear();
  for (std::size_t i = first; i < parts.size(); ++i) {
    for (const std::int64_t domain : domains_of(parts[i])) {
      ++parts_left_[domain];
    }
  }
  for (std::size_t i = first; i < parts.size(); ++i) {
    run_part(unit, parts[i]);
    finish_domains(unit, i);
    if (open_.empty()) {
      save_checkpoint(number, i + 1);
    }
  }
}

OpenDomain& Evaluation::open(const Unit& unit, std::int64_t domain) {
  const auto found = open_.find(domain);
  if (found != open_.end()) {
    return found->second;
  }
  std::int64_t images = 0;
  for (const Part& part : unit.plan().parts) {
    for (const Item& item : part.items) {
      images += item.domain == domain ? 1 : 0;
    }
  }
  return open_
      .emplace(domain, OpenDomain{DomainScore(runs_.size(), runs_.source(), images, options_.examples), 0,
                                  std::vector<std::int64_t>(runs_.size()), std::vector<double>(runs_.size())})
      .first->second;
}

void Evaluation::run_part(const Unit& unit, const Part& part) {
  observer_.part_started(setting(unit), part.name, static_cast<std::int64_t>(part.items.size()));
  part_correct_.assign(runs_.size(), 0);
  part_images_ = 0;
  runs_.start_part();
  const std::set<std::int64_t> domains = domains_of(part);
  for (const std::int64_t domain : domains) {
    (void)open(unit, domain);
  }
  std::vector<std::pair<std::int64_t, double>> before;
  for (const RuleRun& run : runs_.all()) {
    before.emplace_back(run.rejected(), run.seconds());
  }
  data::Loader loader = open_part(part, setting(unit).batch_size, setup_, options_, cache_);
  std::size_t noted = 0;
  const auto note_skipped = [&] {
    for (; noted < loader.skipped().size(); ++noted) {
      const data::Skipped& skipped = loader.skipped()[noted];
      ++open_.at(skipped.sample.domain).skipped;
      pending_.skipped.push_back({setup_.domains[static_cast<std::size_t>(skipped.sample.domain)].name,
                                  skipped.sample.path.string(), skipped.reason});
    }
  };
  try {
    Progress progress;
    while (const auto batch = loader.next()) {
      note_skipped();
      score(unit, *batch);
      ++progress.batch;
      progress.part_images = part_images_ + static_cast<std::int64_t>(noted);
      progress.images = work_ + progress.part_images;
      progress.top1.clear();
      for (const std::int64_t correct : part_correct_) {
        progress.top1.push_back(100 * static_cast<double>(correct) / static_cast<double>(part_images_));
      }
      observer_.batch_done(progress);
    }
    note_skipped();
  } catch (...) {
    note_skipped();
    throw;
  }
  work_ += static_cast<std::int64_t>(part.items.size());
  for (const std::int64_t domain : domains) {
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
      open_.at(domain).rejected[rule] += runs_[rule].rejected() - before[rule].first;
      open_.at(domain).seconds[rule] += runs_[rule].seconds() - before[rule].second;
    }
  }
}

void Evaluation::score(const Unit& unit, const data::Batch& batch) {
  if (setup_.resets_each_batch[unit.setting]) {
    runs_.restart();
  }
  const std::vector<at::Tensor> logits = runs_.forward(batch.images);
  std::map<std::int64_t, std::vector<std::int64_t>> rows;
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    rows[batch.samples[i].domain].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::vector<metrics::Prediction>> predictions(runs_.size(),
                                                            std::vector<metrics::Prediction>(batch.samples.size()));
  for (const auto& [domain, own] : rows) {
    score_domain(logits, batch, domain, own, predictions);
  }
  part_images_ += static_cast<std::int64_t>(batch.samples.size());
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    for (std::size_t i = 0; i < batch.samples.size(); ++i) {
      part_correct_[rule] += predictions[rule][i].index == batch.samples[i].label ? 1 : 0;
    }
    observer_.predictions({setting(unit), result_.plan.domains, runs_[rule].label(), batch.samples, predictions[rule]});
  }
}

void Evaluation::score_domain(const std::vector<at::Tensor>& logits, const data::Batch& batch, std::int64_t domain,
                              const std::vector<std::int64_t>& rows,
                              std::vector<std::vector<metrics::Prediction>>& predictions) {
  const bool whole = rows.size() == batch.samples.size();
  const at::Tensor index = at::tensor(rows, at::kLong);
  std::vector<at::Tensor> own;
  for (const at::Tensor& output : logits) {
    own.push_back(whole ? output : output.index_select(0, index));
  }
  std::vector<data::Sample> samples;
  for (const std::int64_t row : rows) {
    samples.push_back(batch.samples[static_cast<std::size_t>(row)]);
  }
  const auto found =
      open_.at(domain).score.add(own, whole ? batch.labels : batch.labels.index_select(0, index), samples);
  for (std::size_t rule = 0; rule < found.size(); ++rule) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      predictions[rule][static_cast<std::size_t>(rows[i])] = found[rule][i];
    }
  }
}

void Evaluation::finish_domains(const Unit& unit, std::size_t part) {
  for (const std::int64_t domain : domains_of(unit.plan().parts[part])) {
    if (--parts_left_.at(domain) == 0) {
      finish(unit, domain, open_.at(domain));
      open_.erase(domain);
      ++places_;
    }
  }
}

void Evaluation::finish(const Unit& unit, std::int64_t domain, OpenDomain& open) {
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    pending_.cells.push_back(cell(unit, domain, open, rule));
    const RuleScore& score = open.score.rule(rule);
    add_classes(pending_.classes, {runs_[rule].label(), score.sums.per_class});
    for (Example example : score.examples) {
      example.setting = setting(unit);
      example.domain = setup_.domains[static_cast<std::size_t>(domain)].name;
      example.rule = runs_[rule].label();
      pending_.examples.push_back(std::move(example));
    }
    observer_.cell_done(pending_.cells.back());
  }
}

Cell Evaluation::cell(const Unit& unit, std::int64_t domain, const OpenDomain& open, std::size_t rule) const {
  Cell cell = open.score.cell(rule);
  cell.setting = setting(unit);
  cell.stream = unit.stream;
  cell.place = places_;
  cell.domain = setup_.domains[static_cast<std::size_t>(domain)].name;
  cell.rule = runs_[rule].label();
  cell.skipped = open.skipped;
  cell.rejected = open.rejected[rule];
  if (options_.timings) {
    cell.seconds = open.seconds[rule];
  }
  if (options_.site_report) {
    cell.sites = runs_[rule].sites();
  }
  return cell;
}

void Evaluation::save_checkpoint(std::size_t unit, std::size_t parts_done) {
  pending_.unit = static_cast<std::int64_t>(unit);
  pending_.parts = static_cast<std::int64_t>(parts_done);
  pending_.unit_done = parts_done == setup_.units[unit].plan().parts.size();
  pending_.work = work_;
  take(pending_);
  if (journal_) {
    pending_.predictions_bytes = observer_.predictions_bytes();
    for (std::size_t rule = 0; !pending_.unit_done && rule < runs_.size(); ++rule) {
      runs_[rule].save(journal_->state_file(pending_, rule));
    }
    journal_->append(pending_);
    Checkpoint before = pending_;
    for (--before.parts; before.parts > 0; --before.parts) {
      journal_->remove_states(before, runs_.size());
    }
  }
  pending_ = {};
}

/// What there is of domains that are not finished; those that are, but wait for a checkpoint, count as finished.
void Evaluation::keep_unfinished(const Unit& unit) {
  take(pending_);
  pending_ = {};
  for (const auto& [domain, open] : open_) {
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
      if (open.score.rule(rule).sums.images > 0) {
        result_.unfinished.push_back(cell(unit, domain, open, rule));
      }
    }
  }
}

void Evaluation::add_pictures() {
  for (Example& example : result_.examples) {
    try {
      example.thumbnail = options_.thumbnails ? thumbnail(example, setup_, options_) : std::string();
    } catch (const DataError& error) {  // the file went away meanwhile; the numbers are there all the same
      log(LogLevel::kWarning, std::string("no picture of an example: ") + error.what());
    }
  }
}

}  // namespace

void evaluate(const EvalOptions& options, EvalObserver& observer, EvalResult& result) {
  result = {};
  Setup setup = prepare(options);
  if (!options.export_order.empty()) {
    save_order(options, setup);
  }
  result.plan = setup.plan;
  Evaluation evaluation(options, std::move(setup), observer, result);
  observer.resolved(result.plan);
  const auto start = std::chrono::steady_clock::now();
  try {
    evaluation.run();
  } catch (...) {
    sort_skipped(result);
    throw;
  }
  sort_skipped(result);
  if (options.timings) {
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  result.partial = false;
}

}  // namespace ttscale::eval
