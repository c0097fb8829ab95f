// SPDX-License-Identifier: MIT
// The order of an earlier run, from the file that export_order() wrote.
#include <map>
#include <unordered_map>

#include "data/text_lines.h"
#include "eval/order_file.h"
#include "eval/protocols/protocols.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using Places = std::unordered_map<std::string, Item>;

/// Items by "domain, tab, path below the data folder".
Places places_of(const Images& images) {
  Places places;
  for (const Item& item : images.all()) {
    places.emplace(order_key(images, item), item);
  }
  return places;
}

class Replay : public Protocol {
 public:
  explicit Replay(std::filesystem::path file) : file_(std::move(file)), lines_(data::read_lines(file_)) {
    if (lines_.empty() || lines_.front() != kOrderHeader) {
      throw DataError("protocol replay: expected a file of --export-order, found another: " + file_.string());
    }
  }

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    const Places places = places_of(images);
    std::vector<StreamPlan> streams;
    std::string stream;
    std::string part;
    for (std::size_t i = 1; i < lines_.size(); ++i) {
      const OrderLine line = parse_order_line(lines_[i], file_, i + 1);
      if (streams.empty() || line.stream != stream) {
        streams.emplace_back();
        part.clear();
      }
      if (streams.back().parts.empty() || line.part != part) {
        streams.back().parts.push_back({line.name, {}});
      }
      stream = line.stream;
      part = line.part;
      const auto found = places.find(line.key);
      if (found == places.end()) {
        throw DataError(file_.string() + ": line " + std::to_string(i + 1) +
                        ": expected an image of these domains, found " + line.key +
                        "; give the data that the order was exported from");
      }
      streams.back().parts.back().items.push_back(found->second);
    }
    return streams;
  }

  [[nodiscard]] bool orders_images() const override { return true; }

 private:
  std::filesystem::path file_;
  std::vector<std::string> lines_;
};

}  // namespace

std::unique_ptr<Protocol> make_replay(const std::filesystem::path& file) { return std::make_unique<Replay>(file); }

}  // namespace ttscale::eval
