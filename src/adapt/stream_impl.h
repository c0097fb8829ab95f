// SPDX-License-Identifier: MIT
// What a stream is made of: the files that run, save and bake streams share it.
#pragma once

#include <memory>
#include <string>

#include "adapt/state_file.h"
#include "adapt/stream_state.h"
#include "graph/rewrite.h"
#include "ttscale/adapter.h"

namespace ttscale {

struct Stream::Impl {
  std::shared_ptr<const graph::Program> program;
  std::string reference;  ///< fingerprint
  InputScaling input;
  Rule options;
  std::string rule;  ///< its text
  StreamState state;
  graph::Instance instance;
  bool fresh = true;  ///< has met no batch since the last reset; known here so that no device is asked

  /// Runs the model. A rule that wants to know the classes of the first batch beforehand runs it twice.
  at::Tensor forward(const at::Tensor& images, const at::Tensor& before);

  /// What a state file of the stream says.
  [[nodiscard]] StateFile describe() const;
};

}  // namespace ttscale
