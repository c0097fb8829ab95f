// SPDX-License-Identifier: MIT
// The loop over domains, batches and rules.
#include "eval/evaluate.h"

#include <ATen/ATen.h>

#include <chrono>
#include <utility>

#include "data/loader.h"
#include "eval/rule_run.h"
#include "eval/setup.h"

namespace ttscale::eval {
namespace {

/// An evaluation in progress.
class Evaluation {
 public:
  Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result);

  void run_domain(std::size_t index);

  /// Leaves the statistics of the one rule in a file.
  void save_state(const std::filesystem::path& file) const { runs_.front().save(file); }

 private:
  [[nodiscard]] data::Loader loader_of(const data::Domain& domain) const;
  [[nodiscard]] at::Tensor model_input(const at::Tensor& images) const;
  void score(const data::Batch& batch, const data::Domain& domain);
  void note_skipped(const data::Loader& loader, const data::Domain& domain);
  void report_progress(std::size_t domain, std::int64_t batches) const;
  void finish(const data::Domain& domain);
  void keep_unfinished(const data::Domain& domain);
  [[nodiscard]] std::vector<Cell> cells(const data::Domain& domain) const;

  const EvalOptions& options_;
  Setup setup_;
  EvalObserver& observer_;
  EvalResult& result_;
  std::vector<RuleRun> runs_;
  std::int64_t images_before_ = 0;  ///< of the domains that are finished, skipped ones included
  std::size_t skipped_before_ = 0;  ///< likewise
};

Evaluation::Evaluation(const EvalOptions& options, Setup setup, EvalObserver& observer, EvalResult& result)
    : options_(options), setup_(std::move(setup)), observer_(observer), result_(result) {
  for (const std::string& rule : options.rules) {
    Stream stream = setup_.model.stream(parse_rule(rule));
    if (!options.state_in.empty()) {
      stream.load(options.state_in);
    }
    runs_.emplace_back(rule, std::move(stream));
  }
}

void Evaluation::run_domain(std::size_t index) {
  const data::Domain& domain = setup_.tree.domains[index];
  observer_.domain_started(result_.plan.domains[index], static_cast<std::int64_t>(index));
  for (RuleRun& run : runs_) {
    run.start_domain(options_.reset);
  }
  data::Loader loader = loader_of(domain);
  try {
    std::int64_t batches = 0;
    while (const auto batch = loader.next()) {
      note_skipped(loader, domain);
      score(*batch, domain);
      report_progress(index, ++batches);
    }
    note_skipped(loader, domain);
  } catch (...) {
    note_skipped(loader, domain);
    keep_unfinished(domain);
    throw;
  }
  finish(domain);
}

data::Loader Evaluation::loader_of(const data::Domain& domain) const {
  data::LoaderOptions loading;
  loading.batch_size = options_.batch_size;
  loading.workers = options_.workers;
  loading.on_error = options_.on_error;
  loading.decode = options_.decode;
  const bool scaled = !std::holds_alternative<std::monostate>(setup_.input);
  const data::Transform transform = [preprocessing = options_.preprocessing, scaled](const at::Tensor& hwc) {
    return scaled ? image::to_pixels(hwc, preprocessing) : image::to_input(hwc, preprocessing);
  };
  return data::Loader(stream_of(domain, setup_.order, options_), loading, transform);
}

at::Tensor Evaluation::model_input(const at::Tensor& images) const {
  at::Tensor input = images;
  if (!std::holds_alternative<std::monostate>(setup_.input)) {
    const image::Preprocessing& preprocessing = options_.preprocessing;
    input = image::normalize(scale_input(images, setup_.input), preprocessing.mean, preprocessing.std);
  }
  return input.to(at::Device(options_.device));
}

void Evaluation::score(const data::Batch& batch, const data::Domain& domain) {
  const at::Tensor input = model_input(batch.images);
  for (RuleRun& run : runs_) {
    // A model may write into its input; only the last may do so.
    const at::Tensor own = &run == &runs_.back() ? input : input.clone();
    const auto predictions = run.score(own, batch.labels, setup_.tree);
    observer_.predictions({domain.name, run.label(), batch.samples, predictions});
  }
}

void Evaluation::note_skipped(const data::Loader& loader, const data::Domain& domain) {
  const auto& skipped = loader.skipped();
  for (std::size_t i = result_.skipped.size() - skipped_before_; i < skipped.size(); ++i) {
    result_.skipped.push_back({domain.name, skipped[i].sample.path.string(), skipped[i].reason});
  }
}

void Evaluation::report_progress(std::size_t domain, std::int64_t batches) const {
  Progress progress;
  progress.domain = static_cast<std::int64_t>(domain);
  progress.batch = batches;
  progress.domain_images =
      runs_.front().sums().images + static_cast<std::int64_t>(result_.skipped.size() - skipped_before_);
  progress.images = images_before_ + progress.domain_images;
  for (const RuleRun& run : runs_) {
    progress.top1.push_back(100 * run.sums().top1());
  }
  observer_.batch_done(progress);
}

void Evaluation::finish(const data::Domain& domain) {
  for (Cell& cell : cells(domain)) {
    result_.cells.push_back(std::move(cell));
  }
  const auto skipped = static_cast<std::int64_t>(result_.skipped.size() - skipped_before_);
  images_before_ += runs_.front().sums().images + skipped;
  skipped_before_ = result_.skipped.size();
  for (std::size_t i = result_.cells.size() - runs_.size(); i < result_.cells.size(); ++i) {
    observer_.cell_done(result_.cells[i]);
  }
}

void Evaluation::keep_unfinished(const data::Domain& domain) {
  for (Cell& cell : cells(domain)) {
    if (cell.scores.images > 0) {
      result_.unfinished.push_back(std::move(cell));
    }
  }
}

std::vector<Cell> Evaluation::cells(const data::Domain& domain) const {
  std::vector<Cell> cells;
  for (const RuleRun& run : runs_) {
    cells.push_back(run.cell(domain.name, options_));
    cells.back().skipped = static_cast<std::int64_t>(result_.skipped.size() - skipped_before_);
  }
  return cells;
}

}  // namespace

void evaluate(const EvalOptions& options, EvalObserver& observer, EvalResult& result) {
  result = {};
  Setup setup = prepare(options);
  result.plan = setup.plan;
  const std::size_t domains = setup.tree.domains.size();
  Evaluation evaluation(options, std::move(setup), observer, result);
  observer.resolved(result.plan);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < domains; ++i) {
    evaluation.run_domain(i);
  }
  if (!options.state_out.empty()) {
    evaluation.save_state(options.state_out);
  }
  if (options.timings) {
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  result.partial = false;
}

}  // namespace ttscale::eval
