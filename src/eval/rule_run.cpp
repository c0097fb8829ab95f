// SPDX-License-Identifier: MIT
// Forward, checks of the output, and scores of one rule.
#include "eval/rule_run.h"

#include <ATen/ATen.h>

#include <chrono>
#include <sstream>
#include <utility>

#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

template <typename T>
std::string text_of(const T& value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

void check_output(const at::Tensor& output, const at::Tensor& images) {
  if (output.dim() != 2 || output.size(0) != images.size(0) || !output.is_floating_point()) {
    throw ModelError("model: expected floating-point scores [" + std::to_string(images.size(0)) +
                     ", classes] for a batch " + text_of(images.sizes()) + ", found " + text_of(output.dtype()) + " " +
                     text_of(output.sizes()) + "; wrap the model so that it returns class scores alone");
  }
}

Scores scores_of(const metrics::Classification& sums) {
  const metrics::Interval interval = sums.top1_interval();
  Scores scores;
  scores.images = sums.images;
  scores.non_finite = sums.non_finite;
  scores.top1 = 100 * sums.top1();
  scores.top5 = 100 * sums.top5();
  scores.nll = sums.nll();
  scores.ece = sums.ece();
  scores.confidence = sums.mean_confidence();
  scores.top1_low = 100 * interval.low;
  scores.top1_high = 100 * interval.high;
  return scores;
}

}  // namespace

RuleRun::RuleRun(std::string label, Stream stream)
    : label_(std::move(label)), stream_(std::move(stream)), start_(stream_.snapshot()) {}

void RuleRun::start_domain(Reset reset) {
  if (reset == Reset::kDomain) {
    stream_.rollback(start_);
  }
  rejected_before_ = stream_.report().rejected;
  sums_ = {};
  seconds_ = 0;
}

std::vector<metrics::Prediction> RuleRun::score(const at::Tensor& images, const at::Tensor& labels,
                                                const data::ImageTree& tree) {
  const auto start = std::chrono::steady_clock::now();
  const at::Tensor logits = forward(images);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  check_output(logits, images);
  data::check_class_count(tree, logits.size(1));
  return sums_.add(logits, labels);
}

at::Tensor RuleRun::forward(const at::Tensor& images) {
  try {
    return stream_.forward(images).cpu();  // the copy waits for the device, and so belongs to the time
  } catch (const ModelError& error) {
    const std::string message = error.what();
    if (message.find(text_of(images.sizes())) == std::string::npos) {
      throw;
    }
    throw ModelError(message + " (--img-size, --in-chans)");
  }
}

Cell RuleRun::cell(const std::string& domain, const EvalOptions& options) const {
  const StreamReport report = stream_.report();
  Cell cell;
  cell.domain = domain;
  cell.rule = label_;
  cell.scores = scores_of(sums_);
  cell.rejected = report.rejected - rejected_before_;
  if (options.timings) {
    cell.seconds = seconds_;
  }
  if (options.site_report) {
    for (const SiteReport& site : report.sites) {
      cell.sites.push_back({site.name, site.batch_distance, site.used_distance});
    }
  }
  return cell;
}

}  // namespace ttscale::eval
