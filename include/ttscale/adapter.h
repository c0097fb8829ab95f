// SPDX-License-Identifier: MIT
// adapt(): a TorchScript model becomes one whose normalisation statistics follow each stream of images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ttscale/export.h"
#include "ttscale/guard.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"

namespace ttscale {

class Stream;
struct BakeOptions;
TTSCALE_API torch::jit::Module bake(const Stream& stream, const BakeOptions& options);    // ttscale/bake.h
TTSCALE_API torch::jit::Module online(const Stream& stream, const BakeOptions& options);  // ttscale/bake.h

/// The last batch at one site: moments are [C], float64, on the CPU.
struct SiteReport {
  std::string name;
  at::Tensor source_mean, source_var;  ///< of training
  at::Tensor batch_mean, batch_var;  ///< of the last batch (biased variance); NaN before the first, and under `source`,
                                     ///< which measures nothing
  at::Tensor used_mean, used_var;    ///< what the last batch was normalised with
  double batch_distance =
      0;  ///< squared Hellinger distance of the batch's Gaussians from the source's, mean over channels, 0 to 1; or NaN
  double used_distance = 0;        ///< the same for what was used: how far the rule went
  std::int64_t dead_channels = 0;  ///< channels that hardly vary in the last batch, against the source: they counted
                                   ///< with the source variance, so that their noise was not amplified; under auto as
                                   ///< they are: it amplifies noise, but its weight keeps that within
                                   ///< the spread of the source
};

/// What a stream has seen and done.
struct StreamReport {
  std::string rule;
  std::int64_t images = 0;    ///< images that entered the statistics since the last reset
  std::int64_t batches = 0;   ///< batches likewise
  std::int64_t rejected = 0;  ///< batches that left the statistics untouched because they held NaN or Inf
  GuardReport guard;
  bool optimized = false;             ///< whether its batches run in the optimised form (Optimize::kAuto) by now
  std::string unoptimized;            ///< why not, in words; empty if they do, or it has not been found out yet
  std::vector<std::string> findings;  ///< what the rule has found out about this stream, in words (auto: that it is
                                      ///< mixed of several domains, or drifts)
  std::vector<std::string> warnings;  ///< where scaling statistics cannot help this stream, in words
  std::vector<SiteReport> sites;
};

/// Prints a table: a row a site, with its distances.
TTSCALE_API std::ostream& operator<<(std::ostream& out, const StreamReport& report);

namespace graph {
class Program;
}

/// Statistics of a stream at one moment, in memory.
class TTSCALE_API Snapshot {
 private:
  friend class Stream;
  struct Content;
  explicit Snapshot(std::shared_ptr<const Content> content);
  std::shared_ptr<const Content> content_;
};

/// One sequence of batches with its own statistics: a camera, a domain, a request. Weights and graph are shared with
/// all other streams of the model. Streams may run concurrently; one stream is used by one thread at a time.
class TTSCALE_API Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// Runs the model on images [N, C, H, W] and moves the statistics by the stream's rule. Returns the model's output
  /// tensor, computed without gradients. If the batch holds NaN or Inf, is empty, or anything throws, the statistics
  /// are afterwards what they were before. Throws ModelError if the model does not take one tensor and return one, or
  /// fails on it; DataError for images that input scaling cannot take.
  at::Tensor forward(const at::Tensor& images);

  /// Forgets everything seen: the statistics of training again.
  void reset();

  /// The statistics now. Costs one copy of them.
  [[nodiscard]] Snapshot snapshot() const;

  /// Goes back to a snapshot of this stream, or of another of the same model and rule; it may be used again. Throws
  /// UsageError for one of another model or rule.
  void rollback(const Snapshot& snapshot);

  [[nodiscard]] StreamReport report() const;

  /// The part of the report that tells of the guard; reads no statistics.
  [[nodiscard]] GuardReport guard() const;

  /// The report's count of batches that left the statistics untouched; reads no statistics.
  [[nodiscard]] std::int64_t rejected() const;

  /// Writes the statistics to a file, whole or not at all (temporary, fsync, rename). It names the model, its
  /// reference, the layers, the rule and the number of images seen. Throws Error naming the path and the reason.
  void save(const std::filesystem::path& file) const;

  /// Goes on from saved statistics. Throws DataError that names the difference if the file belongs to another model,
  /// reference, set of layers or rule, or is damaged; the stream is then what it was before. A model is known by the
  /// names of its operators in order and by its tensors: one that differs only in numbers such as a stride or an eps
  /// passes for the same.
  void load(const std::filesystem::path& file);

 private:
  friend class AdaptedModel;
  friend TTSCALE_API torch::jit::Module bake(const Stream& stream, const BakeOptions& options);
  friend TTSCALE_API torch::jit::Module online(const Stream& stream, const BakeOptions& options);
  struct Impl;
  explicit Stream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A rewritten copy of a model. Cheap to copy: copies share weights and graph.
class TTSCALE_API AdaptedModel {
 public:
  /// A new stream under the rule of the options, or under another. Throws UsageError for a rule that needs what the
  /// model or its reference does not have.
  [[nodiscard]] Stream stream() const;
  [[nodiscard]] Stream stream(const Rule& rule) const;

  /// The sites that follow the stream, in order of execution.
  [[nodiscard]] std::vector<Site> sites() const;

  /// The floating-point type that the model takes: that of its first layer's weight; float32 where it casts images
  /// itself. `stream.forward(images.to(model.input_type()))`.
  [[nodiscard]] at::ScalarType input_type() const;

  /// Methods that forward does not call and that read a layer which it adapts. They are not adapted: in what bake() and
  /// online() return they go on with the statistics of training.
  [[nodiscard]] std::vector<std::string> methods_left() const;

  /// The options it was made with.
  [[nodiscard]] AdaptOptions options() const;

 private:
  friend TTSCALE_API AdaptedModel adapt(const torch::jit::Module& module, const AdaptOptions& options);
  struct Impl;
  explicit AdaptedModel(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

/// Copies the module, and replaces each selected BatchNorm of the copy by an operator that follows the stream; with a
/// reference, the outputs of its sites too. The caller's module is not touched. Throws ModelError if nothing can be
/// adapted (saying what was found) or the reference is another model's, UsageError if a pattern selects nothing.
TTSCALE_API AdaptedModel adapt(const torch::jit::Module& module, const AdaptOptions& options = {});

/// The same from a file, onto a device ("cpu", "cuda:0"). Throws ModelError if the file is not a TorchScript archive,
/// UsageError for a device that is not there. Archives are code: load only what you trust.
TTSCALE_API AdaptedModel adapt(const std::filesystem::path& archive, const AdaptOptions& options = {},
                               const std::string& device = "cpu");

}  // namespace ttscale
