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
#include "eval/result.h"
#include "image/decode.h"
#include "image/preprocess.h"
#include "shift/shift.h"
#include "ttscale/input.h"
#include "ttscale/options.h"

namespace ttscale::eval {

/// Reads "1/3": the first of three parts. Throws UsageError.
Shard parse_shard(const std::string& text);

/// Options of evaluate().
struct EvalOptions {
  std::filesystem::path model;  ///< TorchScript archive
  Task task = Task::kClassification;
  std::filesystem::path data;    ///< root of the image tree
  std::filesystem::path labels;  ///< segmentation: root of the label maps; empty: folders `labels` beside `images`
  std::optional<std::int64_t> ignore_index;  ///< segmentation: label of pixels that do not count; none: 255
  std::vector<std::string> rules;       ///< texts of parse_rule(); results are labelled with them as they are written
  std::optional<Guard> guard;           ///< see AdaptOptions::guard
  Optimize optimize = Optimize::kAuto;  ///< see AdaptOptions::optimize
  InputScaling input;                   ///< on pixels; the reference of Standardize is set to the preprocessing's
  image::Preprocessing preprocessing;
  std::optional<std::filesystem::path> class_map;  ///< file of class names by output index; wins over `classes`
  std::vector<std::string> classes;  ///< class names by output index from the model's description, or none
  std::string classes_file;          ///< where `classes` came from, for messages
  data::ClassOrder class_order = data::ClassOrder::kLexical;
  data::Layout layout = data::Layout::kAuto;
  std::vector<std::string> protocols{"reset-each-domain"};  ///< texts of parse_protocol()
  std::string order;  ///< text of data::parse_order(): order within a domain; empty: shuffled, or the protocol's own
  std::vector<std::uint64_t> seeds{42};       ///< of the order; one repeat each
  std::vector<std::int64_t> batch_sizes{64};  ///< each is evaluated by itself
  /// Images that every forward sees: the batch and, before it, the latest of the stream, whose predictions are dropped
  /// (a sliding window: batch statistics for batches of one image); it does not reach from one domain into the next
  /// unless they are mixed. None: the batch alone.
  std::optional<std::int64_t> window;
  std::optional<std::int64_t> num_samples;  ///< at most so many images of each domain, the first of its order
  std::string
      shifts;  ///< made on the fly: text of shift::parse_shifts(), `clean` for none among them; empty: no shifts
  shift::Parameters shift_parameters = shift::Parameters::kImageNet;
  std::uint64_t shift_seed = 0;                        ///< of their noise
  std::int64_t workers = 2;                            ///< threads that read images; the results do not depend on it
  std::int64_t cache_bytes = std::int64_t{512} << 20;  ///< of decoded images kept in memory
  bool valid_classes = false;  ///< only outputs whose class has images count (ImageNet-A and ImageNet-R)
  data::OnError on_error = data::OnError::kStop;
  image::DecodeLimits decode;
  std::string device = "cpu";
  std::filesystem::path reference;       ///< reference moments for feature sites; empty: BatchNorm layers only
  CallOptions call;                      ///< arguments and outputs of the model
  std::filesystem::path state_in;        ///< statistics that the stream of the one rule starts from, at every reset
  std::filesystem::path state_out;       ///< where its statistics at the end are left; empty: nowhere
  std::vector<std::string> layers;       ///< name patterns of the sites to adapt; empty: all
  std::vector<std::string> skip_layers;  ///< name patterns of the sites to leave alone
  std::filesystem::path journal;         ///< what is finished is kept here, and taken from here; empty: nowhere
  bool thumbnails = false;               ///< pictures of the examples
  std::filesystem::path export_order;    ///< the order of all images is written here; empty: nowhere
  Shard shard;                           ///< which streams to run
  std::int64_t examples = 0;             ///< images kept for each rule as losses, and half as many as gains
  bool timings = false;                  ///< put wall times into the result, which then differs from run to run
  bool site_report = false;              ///< put the distance of each site from training into each cell

  /// Throws UsageError that names the first field that cannot be used.
  void validate() const;
};

}  // namespace ttscale::eval
