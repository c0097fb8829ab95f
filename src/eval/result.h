// SPDX-License-Identifier: MIT
// What an evaluation was asked to do and what came out of it, as plain values.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "image/decode.h"
#include "image/preprocess.h"
#include "metrics/classification.h"
#include "metrics/segmentation.h"
#include "ttscale/guard.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"

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

/// What a model is asked for, and so what is measured.
enum class Task { kClassification, kSegmentation };

/// "classification" or "segmentation".
std::string to_string(Task task);

/// The task of that name; throws UsageError for any other text.
Task parse_task(const std::string& text);

/// The circumstances of a stream: what a result depends on beside domain and rule.
struct Setting {
  std::string protocol;  ///< as the user wrote it: "continual", "correlated:delta=0.1"
  std::int64_t batch_size = 0;
  std::uint64_t seed = 0;  ///< of the order of the images

  friend bool operator==(const Setting& a, const Setting& b) {
    return a.protocol == b.protocol && a.batch_size == b.batch_size && a.seed == b.seed;
  }
};

/// A part of the work done by one of several processes (`--shard 1/3`).
struct Shard {
  std::int64_t index = 1;  ///< 1 .. count
  std::int64_t count = 1;
};

/// Everything that decides the numbers, after defaults and files were resolved.
struct EvalPlan {
  Task task = Task::kClassification;
  std::string model;
  std::string data;
  std::string labels;                        ///< segmentation: folder of label maps; empty: beside the images
  std::optional<std::int64_t> ignore_index;  ///< segmentation: label of pixels that do not count
  std::string device;
  std::vector<DomainPlan> domains;
  std::vector<RulePlan> rules;
  std::vector<std::string> classes;  ///< name of each label; none: segmentation without a file of names
  std::string classes_file;          ///< where the names came from; empty: from the folders
  std::string reference;             ///< file of reference moments; empty: none
  std::string input;                 ///< to_string() of the input scaling
  std::int64_t input_index = 0;      ///< which argument of the model takes the images (CallOptions)
  std::string output;                ///< which of its outputs counts (CallOptions)
  std::int64_t max_pixels = image::DecodeLimits().max_pixels;  ///< of an image file; above, it is unreadable
  std::string optimize = "none";                               ///< to_string() of what is done for speed
  std::string guard;  ///< to_string() of the guard asked for; empty: what each rule has by itself
  image::Preprocessing preprocessing;
  std::string order;                   ///< within a domain; empty: the protocol's own
  std::vector<Setting> settings;       ///< every protocol, batch size and seed, in the order of the work
  std::optional<std::int64_t> window;  ///< images that a forward sees, see EvalOptions::window
  std::string shifts;                  ///< made on the fly from clean images; empty: none
  bool valid_classes = false;          ///< outputs restricted to the classes that the data have
  std::string on_error;                ///< "stop" or "skip"
  std::optional<std::int64_t> num_samples;
  std::vector<Site> sites;    ///< that follow the stream
  std::string fingerprint;    ///< of the model file, of the names and sizes of all images, and of the files of
                              ///< reference and order
  bool site_report = false;   ///< cells hold the distances of sites
  std::int64_t examples = 0;  ///< images kept for each rule as losses
  Shard shard;
  std::int64_t work = 0;  ///< images to be met, over settings and visits, by this shard

  /// Images of all domains, each counted once.
  [[nodiscard]] std::int64_t images() const;
  /// Several lines for people: what is about to be done.
  [[nodiscard]] std::string describe() const;
};

/// Numbers of one rule. NaN where they do not exist: those of the other task, and all before the first image.
struct Scores {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::int64_t images = 0;
  std::int64_t non_finite = 0;    ///< images without a softmax: wrong in top-1 and top-5, left out of the others;
                                  ///< segmentation: pixels without a prediction, which are wrong
  double top1 = kNone;            ///< %
  double top5 = kNone;            ///< %
  double nll = kNone;             ///< mean negative log-likelihood
  double ece = kNone;             ///< expected calibration error, 0..1
  double confidence = kNone;      ///< mean, 0..1
  double top1_low = kNone;        ///< %, lower end of the 95 % interval of top1 (Wilson)
  double top1_high = kNone;       ///< %, upper end
  double mean_class = kNone;      ///< mean over the classes of their accuracy, % (of images or pixels)
  double adaptive_ece = kNone;    ///< calibration error over bins of equal mass, 0..1
  double brier = kNone;           ///< Brier score, 0..2
  double miou = kNone;            ///< segmentation: mean intersection over union, %
  double pixel_accuracy = kNone;  ///< segmentation: %
};

/// The number by which a task is judged, in %: top1 or miou.
double headline(const Scores& scores, Task task);

/// Its name: "top-1" or "mIoU".
std::string headline_name(Task task);

/// A rule against source on the same images. For segmentation it counts pixels, and there is no p-value: the pixels of
/// an image are not independent.
struct Change {
  std::int64_t broken = 0;         ///< images (pixels) that source had right and the rule has wrong
  std::int64_t repaired = 0;       ///< images (pixels) that source had wrong and the rule has right
  std::int64_t changed = 0;        ///< images (pixels) with another class than under source, right or wrong
  double low = Scores::kNone;      ///< points: lower end of the 95 % interval of the rule's gain (paired bootstrap)
  double high = Scores::kNone;     ///< upper end
  double p_value = Scores::kNone;  ///< of McNemar's exact test that the rule changes nothing
};

/// A stretch of a domain in stream order.
struct CurvePoint {
  std::int64_t images = 0;
  std::int64_t correct = 0;
};

/// How far one site stood from training at the end of a cell (SiteReport).
struct SiteSummary {
  std::string name;
  double batch_distance = 0;
  double used_distance = 0;
};

/// What the guard of a rule did while its stream showed a domain. Batches that show several domains count for each.
struct GuardSummary {
  std::string unable;                       ///< why it cannot watch, in words; empty if it can
  std::int64_t compared = 0;                ///< images that both models saw
  GuardAction action = GuardAction::kKeep;  ///< at the end
  std::vector<GuardDecision> decisions;     ///< oldest first, images counted from the beginning of the domain
  std::int64_t left_out = 0;                ///< later decisions, of which there were too many to keep
};

/// One rule on one domain in one setting.
struct Cell {
  Setting setting;
  std::int64_t stream = 0;  ///< which stream of the setting met the domain, from 0
  std::int64_t place = 0;   ///< how many domains the stream had finished before
  std::string domain;
  std::string rule;  ///< label
  Scores scores;
  std::optional<Change> change;               ///< where source is among the rules, and for it not
  std::vector<metrics::CalibrationBin> bins;  ///< of the calibration error; empty for segmentation
  std::vector<CurvePoint> curve;      ///< at most 50 stretches of equal length in stream order; empty for segmentation
  std::int64_t skipped = 0;           ///< images of the domain that could not be read
  std::int64_t rejected = 0;          ///< batches of this cell that the stream kept out of its statistics (NaN or Inf)
  std::vector<SiteSummary> sites;     ///< where asked for
  std::vector<std::string> warnings;  ///< of the stream at the end of the cell (StreamReport)
  std::optional<double> seconds;      ///< spent in the model, where asked for
  std::optional<GuardSummary> guard;  ///< where one watches the rule
};

/// One rule under one protocol and batch size: the mean over domains of their rates, then over seeds.
struct RuleMean {
  std::string protocol;
  std::int64_t batch_size = 0;
  std::string rule;
  std::int64_t domains = 0;  ///< finished under every seed that counts
  std::int64_t seeds = 0;    ///< with at least one finished domain
  /// Images and non_finite are sums. Domains of a shift tree show the same images, so there is no honest interval:
  /// top1_low and top1_high are NaN unless there is one domain and one seed.
  Scores scores;
  double low = Scores::kNone;   ///< %: 95 % interval of the headline over seeds (Student's t); NaN for one seed
  double high = Scores::kNone;  ///< likewise
};

using ClassCount = metrics::ClassCount;

/// Every class under one rule, over all finished cells.
struct RuleClasses {
  std::string rule;
  std::vector<ClassCount> classes;             ///< by label; empty for segmentation
  std::vector<metrics::ClassArea> areas = {};  ///< by label, in pixels; segmentation only
};

/// What one model said about an image.
struct Opinion {
  std::int64_t prediction = -1;  ///< class, -1 for none
  double confidence = Scores::kNone;
};

/// An image on which source and a rule disagree.
struct Example {
  Setting setting;
  std::string domain;
  std::string rule;
  std::string path;
  std::int64_t label = 0;
  Opinion source;
  Opinion adapted;
  /// What the rule gained: the negative log-likelihood under source less that under the rule. Negative: a loss.
  double gain = 0;
  std::string thumbnail;  ///< the image that the model saw, before normalisation, as PNG; empty: not asked for
};

/// An image that was left out.
struct SkippedFile {
  std::string domain;
  std::string path;
  std::string reason;
};

/// The outcome; cells are in the order of settings, streams, domains as a stream finishes them, then rules.
struct EvalResult {
  EvalPlan plan;
  std::vector<Cell> cells;
  std::vector<RuleClasses> classes;  ///< a rule each
  std::vector<Example> examples;     ///< the greatest losses of each rule, then its greatest gains
  std::vector<Cell> unfinished;      ///< of the domain that was interrupted: what its images gave until then
  std::vector<SkippedFile> skipped;
  bool partial = true;            ///< false once every cell is finished
  std::optional<double> seconds;  ///< wall time of everything after loading, where asked for

  /// Protocols in their order, batch sizes, then rules.
  [[nodiscard]] std::vector<RuleMean> means() const;
  /// Every protocol and batch size once, with seed 0: what means and tables are grouped by.
  [[nodiscard]] std::vector<Setting> groups() const;
  /// The finished cell, or nullptr.
  [[nodiscard]] const Cell* find(const Setting& setting, const std::string& domain, const std::string& rule) const;

 private:
  [[nodiscard]] RuleMean mean_of_rule(const Setting& group, const std::string& rule) const;
};

}  // namespace ttscale::eval
