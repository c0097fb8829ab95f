// SPDX-License-Identifier: MIT
// The loop over streams, their parts, batches and rules.
#include "eval/evaluate.h"

#include <ATen/ATen.h>

#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "data/loader.h"
#include "eval/class_counts.h"
#include "eval/label_maps.h"
#include "eval/ledger.h"
#include "eval/open_domains.h"
#include "eval/order_file.h"
#include "eval/part_loader.h"
#include "eval/rule_set.h"
#include "eval/setup.h"
#include "eval/thumbnails.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

/// An evaluation in progress.
class Evaluation {
 public:
  Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result);

  void run();

 private:
  void run_unit(std::size_t number, std::size_t first_part);
  void run_part(const Unit& unit, const Part& part);
  void run_batches(const Unit& unit, data::Loader& loader);
  void note_skipped(const data::Loader& loader);
  void tell_findings();
  void score(const Unit& unit, const data::Batch& batch);
  void add_pictures();

  [[nodiscard]] at::Tensor labels_of(const data::Batch& batch, std::int64_t classes) const;
  [[nodiscard]] Progress progress(std::int64_t batches) const;
  [[nodiscard]] const Setting& setting(const Unit& unit) const { return result_.plan.settings[unit.setting]; }

  const EvalOptions& options_;
  Setup setup_;
  EvalObserver& observer_;
  EvalResult& result_;
  RuleSet runs_;
  Ledger ledger_;
  OpenDomains open_;
  std::shared_ptr<data::DecodeCache> cache_;

  /// What a part has given so far.
  struct PartSums {
    std::vector<std::int64_t> correct;  ///< a rule each
    std::int64_t counted = 0;
    std::int64_t images = 0;
    std::size_t skipped = 0;
  };
  PartSums part_;
  std::int64_t work_ = 0;
};

Evaluation::Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result)
    : options_(options),
      setup_(std::move(setup)),
      observer_(observer),
      result_(result),
      runs_(options_, setup_),
      ledger_(options_, result_),
      open_(options_, setup_, runs_),
      cache_(std::make_shared<data::DecodeCache>(options.cache_bytes)) {}

void Evaluation::run() {
  if (const auto done = ledger_.images()) {
    observer_.resumed(*done, ledger_.predictions_bytes());  // which may refuse
    ledger_.resume();
    work_ = *done;
  }
  const Ledger::Place place = ledger_.place(runs_.size());
  for (std::size_t unit = place.unit; unit < setup_.units.size(); ++unit) {
    const bool inside = unit == place.unit && place.part > 0;
    runs_.restart();
    if (inside) {
      ledger_.load(runs_);
    }
    open_.start(setup_.units[unit], inside ? place.part : 0, inside ? place.finished : 0);
    try {
      run_unit(unit, inside ? place.part : 0);
    } catch (...) {
      ledger_.close();
      result_.unfinished = open_.unfinished();
      throw;
    }
  }
  if (!options_.state_out.empty()) {
    runs_[0].save(options_.state_out);
  }
  add_pictures();
}

void Evaluation::run_unit(std::size_t number, std::size_t first_part) {
  const Unit& unit = setup_.units[number];
  const std::vector<Part>& parts = unit.plan().parts;
  for (std::size_t i = first_part; i < parts.size(); ++i) {
    run_part(unit, parts[i]);
    for (const FinishedDomain& domain : open_.end(parts[i])) {
      ledger_.add(domain);
      for (const Cell& cell : domain.cells) {
        observer_.cell_done(cell);
      }
    }
    if (open_.empty()) {
      ledger_.checkpoint(number, i + 1, i + 1 == parts.size(), work_, runs_, observer_);
    }
  }
}

void Evaluation::run_part(const Unit& unit, const Part& part) {
  observer_.part_started(setting(unit), part.name, static_cast<std::int64_t>(part.items.size()));
  part_ = {};
  part_.correct.resize(runs_.size());
  if (setup_.resets[unit.setting] == Reset::kPart) {
    runs_.restart();
  }
  runs_.start_part();
  open_.begin(part);
  data::Loader loader = open_part(part, setting(unit).batch_size, setup_, options_, cache_);
  try {
    run_batches(unit, loader);
    note_skipped(loader);
  } catch (...) {
    note_skipped(loader);
    throw;
  }
  tell_findings();
  work_ += static_cast<std::int64_t>(part.items.size());
}

void Evaluation::run_batches(const Unit& unit, data::Loader& loader) {
  std::int64_t batches = 0;
  while (const auto batch = loader.next()) {
    note_skipped(loader);
    score(unit, *batch);
    observer_.batch_done(progress(++batches));
  }
}

Progress Evaluation::progress(std::int64_t batches) const {
  Progress progress;
  progress.batch = batches;
  progress.part_images = part_.images + static_cast<std::int64_t>(part_.skipped);
  progress.images = work_ + progress.part_images;
  for (const std::int64_t correct : part_.correct) {
    progress.accuracy.push_back(100 * static_cast<double>(correct) / static_cast<double>(part_.counted));
  }
  return progress;
}

void Evaluation::note_skipped(const data::Loader& loader) {
  for (; part_.skipped < loader.skipped().size(); ++part_.skipped) {
    const data::Skipped& skipped = loader.skipped()[part_.skipped];
    open_.skip(skipped);
    ledger_.skip({setup_.domains[static_cast<std::size_t>(skipped.sample.domain)].name, skipped.sample.path.string(),
                  skipped.reason});
  }
}

void Evaluation::tell_findings() {
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    observer_.found(runs_[rule].label(), runs_[rule].findings());
  }
}

at::Tensor Evaluation::labels_of(const data::Batch& batch, std::int64_t classes) const {
  if (options_.task == Task::kClassification) {
    return batch.labels;
  }
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    check_label_map(batch.label_maps[static_cast<std::int64_t>(i)], setup_.label_maps.pair_of(batch.samples[i].path),
                    classes, options_);
  }
  return batch.label_maps;
}

void Evaluation::score(const Unit& unit, const data::Batch& batch) {
  if (setup_.resets[unit.setting] == Reset::kBatch) {
    runs_.restart();
  }
  const Outputs outputs = runs_.forward(batch.images);
  const BatchScore score = open_.add(outputs, labels_of(batch, outputs.classes), batch.samples);
  part_.images += static_cast<std::int64_t>(batch.samples.size());
  part_.counted += score.counted;
  for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
    part_.correct[rule] += score.correct[rule];
  }
  for (std::size_t rule = 0; rule < score.predictions.size(); ++rule) {
    observer_.predictions(
        {setting(unit), result_.plan.domains, runs_[rule].label(), batch.samples, score.predictions[rule]});
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
  result = EvalResult();
  Setup setup = prepare(options);
  result.plan = setup.plan;
  observer.resolved(result.plan);  // which may refuse, ahead of all that is written
  if (!options.export_order.empty()) {
    save_order(options, setup);
  }
  Evaluation evaluation(options, std::move(setup), observer, result);
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
