// SPDX-License-Identifier: MIT
// Forwards, through the window where there is one.
#include "eval/rule_run.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <utility>
#include <variant>

#include "ttscale/error.h"

namespace ttscale::eval {

RuleRun::RuleRun(std::string label, Stream stream, std::optional<std::int64_t> window)
    : label_(std::move(label)), stream_(std::move(stream)), start_(stream_.snapshot()), window_(window) {
  watched_ = stream_.guard().guard.fraction > 0;
  rejected_then_ = stream_.rejected();
}

void RuleRun::restart() {
  rejected_ = rejected();
  stream_.rollback(start_);
  rejected_then_ = stream_.rejected();
  latest_ = at::Tensor();
  forget_guard();
}

std::vector<std::string> RuleRun::findings() const {
  // A report reads the statistics of every site, from the device where they are there.
  return std::holds_alternative<rule::Auto>(parse_rule(label_)) ? stream_.report().findings
                                                                : std::vector<std::string>();
}

void RuleRun::load(const std::filesystem::path& file) {
  const std::int64_t until_now = rejected();
  stream_.load(file);
  rejected_ = until_now;
  rejected_then_ = stream_.rejected();
  forget_guard();
}

void RuleRun::forget_guard() {
  guard_.reset();
  const GuardReport now = stream_.guard();
  compared_ = now.compared;
  decisions_ = static_cast<std::ptrdiff_t>(now.decisions.size());
}

void RuleRun::note_guard() {
  GuardReport now = stream_.guard();
  guard_ = GuardSummary{std::move(now.unable),
                        now.compared - compared_,
                        now.action,
                        {now.decisions.begin() + decisions_, now.decisions.end()},
                        0};
  compared_ = now.compared;
  decisions_ = static_cast<std::ptrdiff_t>(now.decisions.size());
}

at::Tensor RuleRun::forward(const at::Tensor& images) {
  const auto start = std::chrono::steady_clock::now();
  at::Tensor output;
  if (window_) {
    at::Tensor seen = latest_.defined() ? at::cat({latest_, images}) : images;
    seen = seen.narrow(0, std::max<std::int64_t>(seen.size(0) - *window_, 0), std::min(seen.size(0), *window_));
    latest_ = seen;
    output = run(seen.clone());  // a model may write into its input
    output = output.dim() > 0 && output.size(0) == seen.size(0)
                 ? output.narrow(0, seen.size(0) - images.size(0), images.size(0))
                 : output;
  } else {
    output = run(images);
  }
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (watched_) {
    note_guard();
  }
  return output;
}

at::Tensor RuleRun::run(const at::Tensor& images) {
  try {
    return stream_.forward(images).cpu();  // the copy waits for the device, and so belongs to the time
  } catch (const ModelError& error) {
    const std::string message = error.what();
    std::ostringstream shape;
    shape << images.sizes();
    if (message.find(shape.str()) == std::string::npos) {
      throw;
    }
    throw ModelError(message + " (--img-size, --in-chans)");
  }
}

std::vector<SiteSummary> RuleRun::sites() const {
  std::vector<SiteSummary> out;
  for (const SiteReport& site : stream_.report().sites) {
    out.push_back({site.name, site.batch_distance, site.used_distance});
  }
  return out;
}

}  // namespace ttscale::eval
