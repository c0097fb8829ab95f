// SPDX-License-Identifier: MIT
// What an evaluation was asked to do and what came out of it, as plain values.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "image/preprocess.h"
#include "ttscale/inspect.h"

namespace ttscale::eval {

/// A domain and how many of its images are evaluated.
struct DomainPlan {
  std::string name;
  std::int64_t images = 0;
};

/// A rule as the user wrote it and as it was understood.
struct RulePlan {
  std::string label;
  std::string resolved;  ///< to_string() of the rule
};

/// Everything that decides the numbers, after defaults and files were resolved.
struct EvalPlan {
  std::string model;
  std::string data;
  std::string device;
  std::vector<DomainPlan> domains;
  std::vector<RulePlan> rules;
  std::vector<std::string> classes;  ///< name of each label
  std::string classes_file;          ///< where the names came from; empty: from the folders
  std::string reference;             ///< file of reference moments; empty: none
  std::string input;                 ///< to_string() of the input scaling
  image::Preprocessing preprocessing;
  std::string order;
  std::uint64_t seed = 0;
  std::string reset;
  std::string on_error;  ///< "stop" or "skip"
  std::int64_t batch_size = 0;
  std::optional<std::int64_t> num_samples;
  std::vector<Site> sites;  ///< that follow the stream

  /// Images of all domains.
  [[nodiscard]] std::int64_t images() const;
  /// Several lines for people: what is about to be done.
  [[nodiscard]] std::string describe() const;
};

/// Numbers of one rule. NaN where they do not exist.
struct Scores {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::int64_t images = 0;
  std::int64_t non_finite = 0;  ///< images without a softmax: wrong in top-1 and top-5, left out of the others
  double top1 = kNone;          ///< %
  double top5 = kNone;          ///< %
  double nll = kNone;           ///< mean negative log-likelihood
  double ece = kNone;           ///< expected calibration error, 0..1
  double confidence = kNone;    ///< mean, 0..1
  double top1_low = kNone;      ///< %, lower end of the 95 % interval of top1
  double top1_high = kNone;     ///< %, upper end
};

/// How far one site stood from training at the end of a cell (SiteReport).
struct SiteSummary {
  std::string name;
  double batch_distance = 0;
  double used_distance = 0;
};

/// One rule on one domain.
struct Cell {
  std::string domain;
  std::string rule;  ///< label
  Scores scores;
  std::int64_t skipped = 0;        ///< images of the domain that could not be read
  std::int64_t rejected = 0;       ///< batches of this cell that the stream kept out of its statistics (NaN or Inf)
  std::vector<SiteSummary> sites;  ///< where asked for
  std::optional<double> seconds;   ///< spent in the model, where asked for
};

/// One rule over all finished domains: the mean of their rates. Domains of a shift tree show the same images, so there
/// is no honest interval: top1_low and top1_high are NaN unless there is one domain.
struct RuleMean {
  std::string rule;
  std::int64_t domains = 0;
  Scores scores;  ///< images and non_finite are sums
};

/// An image that was left out.
struct SkippedFile {
  std::string domain;
  std::string path;
  std::string reason;
};

/// The outcome; cells are in the order of domains, then rules.
struct EvalResult {
  EvalPlan plan;
  std::vector<Cell> cells;
  std::vector<Cell> unfinished;  ///< of the domain that was interrupted: what its images gave until then
  std::vector<SkippedFile> skipped;
  bool partial = true;            ///< false once every cell is finished
  std::optional<double> seconds;  ///< wall time of everything after loading, where asked for

  /// The mean of each rule over the finished domains, in the order of the rules.
  [[nodiscard]] std::vector<RuleMean> means() const;
  /// The finished cell, or nullptr.
  [[nodiscard]] const Cell* find(const std::string& domain, const std::string& rule) const;
};

}  // namespace ttscale::eval
