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
  std::string rule;
  StreamState state;
  graph::Instance instance;

  /// What a state file of the stream says.
  [[nodiscard]] StateFile describe() const;
};

}  // namespace ttscale
