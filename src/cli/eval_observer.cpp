// SPDX-License-Identifier: MIT
// What a user sees while an evaluation runs.
#include "cli/eval_observer.h"

#include <cmath>
#include <iomanip>
#include <sstream>

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/preprocessing.h"
#include "cli/result_files.h"
#include "report/results.h"
#include "ttscale/error.h"

namespace ttscale::cli {
namespace {

std::string score(const std::string& rule, double percent) {
  std::ostringstream text;
  text << ", " << rule << ' ';
  if (std::isnan(percent)) {
    text << '-';
  } else {
    text << std::fixed << std::setprecision(2) << percent;
  }
  return text.str();
}

std::string setting_words(const eval::Setting& setting) {
  return setting.protocol + ", batch " + std::to_string(setting.batch_size) + ", seed " + std::to_string(setting.seed);
}

}  // namespace

void EvalLog::resolved(const eval::EvalPlan& plan) {
  if (!flags_.results_file.empty()) {
    report::check_format(plan, results_format(flags_.results_file, flags_.results_format));
  }
  std::istringstream lines(plan.describe());
  for (std::string line; std::getline(lines, line);) {
    log(LogLevel::kInfo, line);
  }
  log_sources(flags_.preprocessing, config_);
  for (const eval::RulePlan& rule : plan.rules) {
    rules_.push_back(rule.label);
  }
  task_ = plan.task;
  several_ = plan.settings.size() > 1;
  display_.emplace(progress_style(flags_.verbosity), plan.work, flags_.log_freq);
}

void EvalLog::resumed(std::int64_t images, std::int64_t predictions_bytes) {
  // A file that is written has a header at least. Without one its rows could not be told from those that are missing.
  if (!flags_.predictions.empty() && predictions_bytes <= 0) {
    throw DataError("predictions: expected those of the " + std::to_string(images) + " images that are finished in " +
                    flags_.resume.string() +
                    ", found none, since the run that went before had no --predictions; remove --predictions, or name "
                    "a new file with --resume to begin anew");
  }
  kept_predictions_ = predictions_bytes;
  resumed_images_ = images;
  images_ = images;
  log(LogLevel::kInfo, "resumed from " + flags_.resume.string() + ": " + std::to_string(images) + " images are done");
}

// Not before the first images: opening empties the file, which a mistyped option must not do.
void EvalLog::open_predictions() {
  if (writer_ || flags_.predictions.empty()) {
    return;
  }
  if (kept_predictions_.value_or(0) > 0) {
    writer_.emplace(flags_.predictions, *kept_predictions_);
  } else {
    writer_.emplace(flags_.predictions);
  }
}

void EvalLog::part_started(const eval::Setting& setting, const std::string& name, std::int64_t images) {
  open_predictions();
  setting_ = setting_words(setting);
  part_ = (several_ ? setting_ + ", " : "") + name;
  part_images_ = images;
  cells_ = 0;
  scores_.clear();
}

void EvalLog::predictions(const eval::PredictionBatch& batch) {
  if (writer_) {
    writer_->write(batch);
  }
}

std::int64_t EvalLog::predictions_bytes() { return writer_ ? writer_->sync() : 0; }

void EvalLog::batch_done(const eval::Progress& progress) {
  images_ = progress.images;
  throw_if_interrupted();
  std::string text = part_ + ": " + std::to_string(progress.part_images) + '/' + std::to_string(part_images_);
  text += task_ == eval::Task::kSegmentation ? ", pixel acc %" : "";
  for (std::size_t i = 0; i < progress.accuracy.size(); ++i) {
    text += score(rules_.at(i), progress.accuracy[i]);
  }
  display_->update(progress.batch, progress.images, text);
}

// What holds over many parts is told once, although the numbers in it change.
void EvalLog::found(const std::string& rule, const std::vector<std::string>& findings) {
  std::set<std::string>& before = found_[setting_ + rule];
  std::set<std::string> kinds;
  for (const std::string& finding : findings) {
    const std::string kind = finding.substr(0, finding.find(':'));
    kinds.insert(kind);
    if (before.count(kind) == 0) {
      std::string line = part_;
      line.append(": ").append(rule).append(" found: ").append(finding);
      log(LogLevel::kInfo, line);
    }
  }
  before = std::move(kinds);
}

void EvalLog::log_limits(const eval::Cell& cell) {
  for (const std::string& warning : cell.warnings) {
    if (warned_.insert(cell.rule + warning).second) {
      log(LogLevel::kWarning, cell.domain + ": " + cell.rule + ": " + warning);
    }
  }
}

void EvalLog::log_guard(const eval::Cell& cell) {
  if (!cell.guard) {
    return;
  }
  if (!cell.guard->unable.empty() && unwatched_.insert(cell.rule).second) {
    const bool left = cell.guard->action != GuardAction::kKeep;
    log(LogLevel::kWarning, cell.rule + ": the guard cannot watch" +
                                (left ? " any more (" + std::string(to_string(cell.guard->action)) + ")" : "") + ", " +
                                cell.guard->unable);
  }
  const std::string head =
      (several_ ? setting_words(cell.setting) + ", " : "") + cell.domain + ": guard of " + cell.rule + ", ";
  for (const GuardDecision& decision : cell.guard->decisions) {
    log(LogLevel::kInfo, head + describe(decision));
  }
  if (cell.guard->left_out > 0) {
    log(LogLevel::kInfo,
        head + std::to_string(cell.guard->left_out) + " decisions more, the last: " + to_string(cell.guard->action));
  }
}

void EvalLog::cell_done(const eval::Cell& cell) {
  log_guard(cell);
  log_limits(cell);
  scores_ += score(cell.rule, eval::headline(cell.scores, task_));
  if (++cells_ == rules_.size()) {
    cells_ = 0;
    log(LogLevel::kInfo, cell.domain + ": " + std::to_string(cell.scores.images) + " images, " +
                             eval::headline_name(task_) + " %" + scores_);
    scores_.clear();
  }
}

void EvalLog::log_rate(double seconds) const {
  const std::int64_t images = images_ - resumed_images_;
  if (images > 0 && seconds > 0) {
    std::ostringstream text;
    text << images << " images in " << std::fixed << std::setprecision(1) << seconds
         << " s: " << static_cast<double>(images) / seconds << " images/s";
    log(LogLevel::kInfo, text.str());
  }
}

void EvalLog::close() {
  if (display_ && kept_predictions_) {
    open_predictions();  // all was done before: what the file has too much is dropped all the same
  }
  display_.reset();
  if (writer_) {
    writer_->close();
    writer_.reset();
  }
}

}  // namespace ttscale::cli
