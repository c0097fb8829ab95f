// SPDX-License-Identifier: MIT
// What was typed on the command line, a struct a subcommand; texts are read by the layer they belong to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/logging.h"
#include "ttscale/options.h"

namespace ttscale::cli {

/// Flags of preprocessing. What is not set comes from the description beside the model, or else from the defaults.
struct PreprocessingFlags {
  std::vector<std::int64_t> img_size;  ///< empty, one value, or height and width
  std::optional<std::int64_t> in_chans;
  std::optional<double> crop_pct;
  std::optional<std::string> crop_mode;
  std::optional<std::string> interpolation;
  std::vector<double> mean;  ///< empty, one value, or one a channel
  std::vector<double> std;   ///< likewise
};

/// `ttscale inspect`.
struct InspectFlags {
  std::filesystem::path model;
  bool json = false;
};

/// `ttscale eval`. Unset values take the defaults of the layer they belong to.
struct EvalFlags {
  std::filesystem::path model;
  std::string task = "classification";
  std::filesystem::path data;
  std::filesystem::path labels;              ///< empty: beside the images
  std::optional<std::int64_t> ignore_index;  ///< unset: 255
  std::vector<std::string> rules;            ///< empty: source and auto
  std::string guard;                         ///< empty: what each rule has by itself
  std::string optimize = "auto";
  std::string input = "none";
  CallOptions call;
  std::filesystem::path reference;  ///< of `ttscale calibrate`; empty: running statistics of BatchNorm layers
  std::filesystem::path state_in;   ///< statistics to begin with
  std::filesystem::path state_out;  ///< statistics to leave behind
  std::vector<std::string> layers;
  std::vector<std::string> skip_layers;
  std::vector<std::string> protocols;     ///< empty: reset-each-domain
  std::optional<std::string> reset;       ///< the older name of two protocols
  std::string order;                      ///< empty: the protocol's
  std::vector<std::uint64_t> seeds;       ///< empty: 42
  std::vector<std::int64_t> batch_sizes;  ///< empty: 64
  std::optional<std::int64_t> window;
  std::optional<std::int64_t> num_samples;  ///< images a domain
  std::filesystem::path export_order;
  std::vector<std::string> shifts;
  std::string shift_parameters = "imagenet";
  std::uint64_t shift_seed = 0;
  bool valid_classes = false;
  std::string class_map;
  std::string class_order = "lexical";
  std::string on_error = "stop";
  std::optional<std::int64_t> max_pixels;
  PreprocessingFlags preprocessing;
  std::filesystem::path results_file;
  std::string results_format;  ///< empty: by the name of the file
  std::filesystem::path html;
  std::filesystem::path predictions;
  std::filesystem::path resume;
  std::string shard;  ///< empty: all of the work
  std::int64_t cache_mb = 512;
  std::string command;  ///< as it was typed
  std::string device = "cpu";
  std::int64_t workers = 2;
  std::int64_t threads = 0;    ///< 0: LibTorch's choice
  std::int64_t log_freq = 10;  ///< batches
  bool timings = false;
  bool site_report = false;
  Verbosity verbosity = Verbosity::kNormal;
};

/// Flags of commands that run a model over images without labels.
struct ImageFlags {
  std::optional<std::int64_t> num_samples;
  std::uint64_t seed = 42;  ///< of their order
  std::int64_t batch_size = 64;
  std::string on_error = "stop";
  std::optional<std::int64_t> max_pixels;
  PreprocessingFlags preprocessing;
  std::string device = "cpu";
  std::int64_t workers = 2;
  std::int64_t threads = 0;  ///< 0: LibTorch's choice
};

/// `ttscale calibrate`.
struct CalibrateFlags {
  std::filesystem::path model;
  std::filesystem::path data;  ///< clean images; empty with `from`
  std::filesystem::path from;  ///< the model as it was before folding
  std::filesystem::path out;
  std::vector<std::string> features;
  std::vector<std::string> shifts;  ///< under which the weights of ttn are measured; empty: none are
  std::string shift_parameters = "imagenet";
  std::uint64_t shift_seed = 0;
  CallOptions call;
  ImageFlags images;
  Verbosity verbosity = Verbosity::kNormal;
};

/// `ttscale adapt`.
struct AdaptFlags {
  std::filesystem::path model;
  std::filesystem::path data;
  std::filesystem::path out;
  std::string rule = "auto";
  std::string guard;  ///< empty: what the rule has by itself
  std::string optimize = "auto";
  std::string input = "none";
  CallOptions call;
  std::filesystem::path reference;
  std::vector<std::string> layers;
  std::vector<std::string> skip_layers;
  bool keep_online = false;
  std::filesystem::path state_in;
  std::filesystem::path state_out;
  ImageFlags images;
  Verbosity verbosity = Verbosity::kNormal;
};

/// `ttscale bench`. Unset lists take the defaults of eval::CostOptions.
struct BenchFlags {
  std::filesystem::path model;
  std::vector<std::string> rules;
  std::string optimize = "auto";
  std::vector<std::int64_t> batch_sizes;
  PreprocessingFlags preprocessing;  ///< of size and channels only
  CallOptions call;
  std::filesystem::path reference;
  std::int64_t rounds = 15;
  std::int64_t warm_up = 3;
  std::filesystem::path json;  ///< empty: none
  std::string device = "cpu";
  std::int64_t threads = 0;  ///< 0: LibTorch's choice
};

/// `ttscale preprocess`.
struct PreprocessFlags {
  std::filesystem::path image;
  std::filesystem::path dump;
  std::filesystem::path model;  ///< empty: no description is read
  std::optional<std::int64_t> max_pixels;
  PreprocessingFlags preprocessing;
};

/// `ttscale corrupt`.
struct CorruptFlags {
  std::filesystem::path source;
  std::filesystem::path target;
  std::vector<std::string> kinds;        ///< kinds and groups; empty: all
  std::vector<std::int64_t> severities;  ///< empty: 1 to 5
  std::string parameters = "imagenet";
  std::uint64_t seed = 0;
  std::string format = "png";
  std::optional<std::int64_t> quality;  ///< of JPEG
  std::int64_t workers = 2;
  std::string on_error = "stop";
  std::optional<std::int64_t> max_pixels;
  PreprocessingFlags geometry;  ///< of size and crop only
  Verbosity verbosity = Verbosity::kNormal;
};

/// `ttscale merge`.
struct MergeFlags {
  std::vector<std::filesystem::path> results;
  std::filesystem::path results_file;
  std::string results_format;  ///< empty: by the name of the file
  std::filesystem::path html;
  std::string command;  ///< as it was typed
  Verbosity verbosity = Verbosity::kNormal;
};

/// One run of the program.
struct Invocation {
  Verbosity verbosity = Verbosity::kNormal;
  std::variant<std::monostate, InspectFlags, EvalFlags, CalibrateFlags, AdaptFlags, BenchFlags, PreprocessFlags,
               CorruptFlags,
               MergeFlags>
      command;  ///< monostate: help was all
};

}  // namespace ttscale::cli
