// SPDX-License-Identifier: MIT
// What to evaluate, on what, and under which protocol.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/image_tree.h"
#include "data/loader.h"
#include "data/order.h"
#include "image/decode.h"
#include "image/preprocess.h"
#include "ttscale/input.h"
#include "ttscale/options.h"

namespace ttscale::eval {

/// When the statistics of a stream are forgotten.
enum class Reset {
  kDomain,  ///< before every domain: each is met for the first time
  kNever,   ///< domains follow each other in one stream
};

/// The protocol of that name ("domain", "never"); throws UsageError for any other text.
Reset parse_reset(const std::string& text);

/// The name that parse_reset() reads.
std::string to_string(Reset reset);

/// Options of evaluate().
struct EvalOptions {
  std::filesystem::path model;     ///< TorchScript archive
  std::filesystem::path data;      ///< root of the image tree
  std::vector<std::string> rules;  ///< texts of parse_rule(); results are labelled with them as they are written
  InputScaling input;              ///< on pixels; the reference of Standardize is set to the preprocessing's
  image::Preprocessing preprocessing;
  std::optional<std::filesystem::path> class_map;  ///< file of class names by output index; wins over `classes`
  std::vector<std::string> classes;  ///< class names by output index from the model's description, or none
  std::string classes_file;          ///< where `classes` came from, for messages
  data::ClassOrder class_order = data::ClassOrder::kLexical;
  data::Layout layout = data::Layout::kAuto;
  std::string order = "shuffled";           ///< text of data::parse_order()
  std::uint64_t seed = 42;                  ///< of the shuffled order
  std::optional<std::int64_t> num_samples;  ///< at most so many images of each domain, the first of its order
  std::int64_t batch_size = 64;
  std::int64_t workers = 2;  ///< threads that read images; the results do not depend on it
  Reset reset = Reset::kDomain;
  data::OnError on_error = data::OnError::kStop;
  image::DecodeLimits decode;
  std::string device = "cpu";
  std::filesystem::path reference;       ///< reference moments for feature sites; empty: BatchNorm layers only
  CallOptions call;                      ///< arguments and outputs of the model
  std::filesystem::path state_in;        ///< statistics that the stream of the one rule starts from, at every reset
  std::filesystem::path state_out;       ///< where its statistics at the end are left; empty: nowhere
  std::vector<std::string> layers;       ///< name patterns of the sites to adapt; empty: all
  std::vector<std::string> skip_layers;  ///< name patterns of the sites to leave alone
  bool timings = false;                  ///< put wall times into the result, which then differs from run to run
  bool site_report = false;              ///< put the distance of each site from training into each cell

  /// Throws UsageError that names the first field that cannot be used.
  void validate() const;
};

}  // namespace ttscale::eval
