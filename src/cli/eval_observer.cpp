// SPDX-License-Identifier: MIT
// What a user sees while an evaluation runs.
#include "cli/eval_observer.h"

#include <cmath>
#include <iomanip>
#include <sstream>

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/preprocessing.h"

namespace ttscale::cli {
namespace {

std::string score(const std::string& rule, double top1) {
  std::ostringstream text;
  text << ", " << rule << ' ' << std::fixed << std::setprecision(2) << top1;
  return text.str();
}

}  // namespace

void EvalLog::resolved(const eval::EvalPlan& plan) {
  std::istringstream lines(plan.describe());
  for (std::string line; std::getline(lines, line);) {
    log(LogLevel::kInfo, line);
  }
  log_sources(flags_.preprocessing, config_);
  for (const eval::RulePlan& rule : plan.rules) {
    rules_.push_back(rule.label);
  }
  // Not before here: opening empties the file, which a mistyped option must not do.
  if (!flags_.predictions.empty()) {
    writer_.emplace(flags_.predictions);
  }
  display_.emplace(progress_style(flags_.verbosity), plan.images(), flags_.log_freq);
}

void EvalLog::domain_started(const eval::DomainPlan& domain, std::int64_t /*index*/) {
  domain_ = domain;
  cells_ = 0;
  scores_.clear();
}

void EvalLog::predictions(const eval::PredictionBatch& batch) {
  if (writer_) {
    writer_->write(batch);
  }
}

void EvalLog::batch_done(const eval::Progress& progress) {
  throw_if_interrupted();
  std::string text =
      domain_.name + ": " + std::to_string(progress.domain_images) + '/' + std::to_string(domain_.images);
  for (std::size_t i = 0; i < progress.top1.size(); ++i) {
    text += score(rules_.at(i), progress.top1[i]);
  }
  display_->update(progress.batch, progress.images, text);
}

void EvalLog::cell_done(const eval::Cell& cell) {
  scores_ += score(cell.rule, cell.scores.top1);
  if (++cells_ == rules_.size()) {
    log(LogLevel::kInfo, cell.domain + ": " + std::to_string(cell.scores.images) + " images, top-1 %" + scores_);
  }
}

void EvalLog::close() {
  display_.reset();
  if (writer_) {
    writer_->close();
    writer_.reset();
  }
}

}  // namespace ttscale::cli
