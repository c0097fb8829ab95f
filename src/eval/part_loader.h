// SPDX-License-Identifier: MIT
// Reads the images of a part of a stream.
#pragma once

#include <cstdint>
#include <memory>

#include "data/decode_cache.h"
#include "data/loader.h"
#include "eval/options.h"
#include "eval/protocol.h"
#include "eval/setup.h"

namespace ttscale::eval {

/// A loader that decodes (through the cache), shifts where a domain is made on the fly, and preprocesses; normalised
/// unless the input is scaled first. For segmentation with label maps. Setup and options must outlive it.
data::Loader open_part(const Part& part, std::int64_t batch_size, const Setup& setup, const EvalOptions& options,
                       const std::shared_ptr<data::DecodeCache>& cache);

}  // namespace ttscale::eval
