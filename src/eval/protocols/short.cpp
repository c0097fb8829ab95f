// SPDX-License-Identifier: MIT
// Streams that end soon: the images of a domain, a few at a time, each time with the statistics of training to begin
// with. What a rule gives before it has seen much (photographs of a short visit, a clip).
#include <algorithm>

#include "eval/protocols/count_field.h"
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Short : public Protocol {
 public:
  explicit Short(std::int64_t length) : length_(length) {}

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    std::vector<StreamPlan> streams = stream_each_domain(images);
    for (StreamPlan& stream : streams) {
      stream.parts = pieces(stream.parts.front());
    }
    return streams;
  }

  [[nodiscard]] Reset reset() const override { return Reset::kPart; }

 private:
  [[nodiscard]] std::vector<Part> pieces(const Part& domain) const {
    const auto count = static_cast<std::int64_t>(domain.items.size());
    std::vector<Part> parts;
    for (std::int64_t first = 0; first < count; first += length_) {
      const auto begin = domain.items.begin() + first;
      parts.push_back({domain.name, {begin, begin + std::min(length_, count - first)}});
    }
    return parts;
  }

  std::int64_t length_;
};

}  // namespace

std::unique_ptr<Protocol> make_short(const OptionText& text) {
  return std::make_unique<Short>(read_count(text, "images", 10));
}

}  // namespace ttscale::eval
