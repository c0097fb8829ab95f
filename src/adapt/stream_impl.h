// SPDX-License-Identifier: MIT
// What a stream is made of: the files that run, save and bake streams share it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapt/input_probe.h"
#include "adapt/state_file.h"
#include "adapt/stream_state.h"
#include "adapt/watch.h"
#include "graph/rewrite.h"
#include "ttscale/adapter.h"

namespace ttscale {

struct Snapshot::Content {
  std::shared_ptr<const graph::Program> program;
  std::string rule;
  at::Tensor state;
  bool fresh;       ///< of a stream that has met no batch
  at::Tensor good;  ///< as below
  Watch watch;
  InputProbe probe;
};

struct Stream::Impl {
  std::shared_ptr<const graph::Program> program;
  std::string reference;  ///< fingerprint
  InputScaling input;
  Rule options;
  std::string rule;  ///< its text
  StreamState state;
  graph::Instance instance;
  Watch watch;
  std::string mismatch = {};  ///< Reference::mismatch()
  InputProbe probe = {};
  bool fresh = true;     ///< has met no batch since the last reset; known here so that no device is asked
  at::Tensor good = {};  ///< the state when the guard was last sure of it
  std::optional<graph::Instance> blended = {}, source = {}, exact_source = {};  ///< made when first needed
  std::optional<StreamState> source_state = {};

  /// Answers for a batch and moves the statistics; `before` is the state ahead of it.
  at::Tensor forward(const at::Tensor& images, const at::Tensor& before);

  /// The rule that the next batch is adapted by: weakened where the guard says so.
  [[nodiscard]] std::string rule_now() const;

  /// What a state file of the stream says.
  [[nodiscard]] StateFile describe() const;

 private:
  at::Tensor adapted(const at::Tensor& images, const at::Tensor& before);
  /// The model as it is; `exact` bit by bit.
  at::Tensor unadapted(const at::Tensor& images, bool exact = false);
  void probe_input(const at::Tensor& images, const at::Tensor& unadapted);
  at::Tensor answer_adapted(const at::Tensor& images, const at::Tensor& before);
  at::Tensor answer_source(const at::Tensor& images, const at::Tensor& before);
  void try_again(const at::Tensor& images, const std::vector<std::int64_t>& due, const at::Tensor& unadapted,
                 const at::Tensor& before);
  void look_again(const at::Tensor& images, const at::Tensor& adapted);
  void judge(const at::Tensor& unadapted, const at::Tensor& adapted);
  graph::Instance& instance_now();
};

}  // namespace ttscale
