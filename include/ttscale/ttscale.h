// SPDX-License-Identifier: MIT
// Everything that an embedding program needs, torch::jit::load() included.
#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "ttscale/adapter.h"
#include "ttscale/bake.h"
#include "ttscale/calibrate.h"
#include "ttscale/error.h"
#include "ttscale/frame.h"
#include "ttscale/guard.h"
#include "ttscale/input.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"
#include "ttscale/reference.h"
#include "ttscale/rule.h"
#include "ttscale/version.h"

namespace ttscale::detail {

/// A reference into the library: without one the linker leaves out a library whose operators are used only through
/// TorchScript.
inline const bool kLibraryIsLinked = !version().empty();

}  // namespace ttscale::detail
