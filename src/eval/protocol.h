// SPDX-License-Identifier: MIT
// In which order a model meets domains and images, and when the statistics of its stream start again.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "eval/images.h"

namespace ttscale::eval {

/// Images that follow each other; no batch reaches beyond their end.
struct Part {
  std::string name;  ///< for logs: a domain, or what the part is
  std::vector<Item> items;
};

/// What one stream of statistics meets from its beginning to its end.
struct StreamPlan {
  std::vector<Part> parts;
};

/// Each domain as a stream of its own, in the order of the domains.
std::vector<StreamPlan> stream_each_domain(const Images& images);

/// When statistics start again from those of training.
enum class Reset {
  kStream,  ///< with every stream
  kPart,    ///< with every part of a stream, too
  kBatch,   ///< with every batch
};

/// An order of domains and images. A protocol is one file of src/eval/protocols.
class Protocol {
 public:
  virtual ~Protocol() = default;

  /// The streams, each of which starts from the statistics of training. Throws DataError if the domains do not suit.
  [[nodiscard]] virtual std::vector<StreamPlan> streams(const Images& images) const = 0;

  [[nodiscard]] virtual Reset reset() const { return Reset::kStream; }

  /// Whether the protocol itself decides the order of images within a domain.
  [[nodiscard]] virtual bool orders_images() const { return false; }

  /// The file that holds its order; empty: none does.
  [[nodiscard]] virtual std::filesystem::path file() const { return {}; }

  /// Whether it arranges images by their class.
  [[nodiscard]] virtual bool needs_classes() const { return false; }
};

/// Reads `name` or `name:field=value`. Throws UsageError that lists what there is.
std::unique_ptr<Protocol> parse_protocol(const std::string& text);

/// A line a protocol: name, fields, what it does. For help texts.
std::string describe_protocols();

}  // namespace ttscale::eval
