// SPDX-License-Identifier: MIT
// The subcommands: each does one run and writes its result; all throw the errors of ttscale/error.h.
#pragma once

#include "cli/options.h"

namespace ttscale::cli {

/// Prints the sites of a model that can be adapted, as a table or JSON.
void run(const InspectFlags& flags);

/// Evaluates a model under several rules on a tree of images: table on stdout, files where asked.
void run(const EvalFlags& flags);

/// Writes the reference moments of a model, measured on clean images or taken from its unfolded twin.
void run(const CalibrateFlags& flags);

/// Runs a model over a stream and writes it with the statistics it then has.
void run(const AdaptFlags& flags);

/// Times whole forwards of a model, unadapted and adapted: a table a batch size on stdout, JSON where asked.
void run(const BenchFlags& flags);

/// Writes the model input made from one image as a tensor that torch.load reads.
void run(const PreprocessFlags& flags);

/// Writes shifted copies of a folder of images.
void run(const CorruptFlags& flags);

/// Joins the results of shards: table on stdout, files where asked.
void run(const MergeFlags& flags);

}  // namespace ttscale::cli
