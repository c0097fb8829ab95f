// SPDX-License-Identifier: MIT
// Everything that an embedding program needs, torch::jit::load() included.
#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "ttscale/adapter.h"
#include "ttscale/error.h"
#include "ttscale/frame.h"
#include "ttscale/input.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"
#include "ttscale/rule.h"
#include "ttscale/version.h"
