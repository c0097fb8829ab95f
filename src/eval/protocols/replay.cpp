// SPDX-License-Identifier: MIT
// The order of an earlier run, from the file that export_order() wrote.
#include "eval/order_file.h"
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Replay : public Protocol {
 public:
  explicit Replay(std::filesystem::path file) : file_(std::move(file)), lines_(read_order(file_)) {}

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    return replay(lines_, images, file_);
  }

  [[nodiscard]] bool orders_images() const override { return true; }
  [[nodiscard]] std::filesystem::path file() const override { return file_; }

 private:
  std::filesystem::path file_;
  std::vector<OrderLine> lines_;
};

}  // namespace

std::unique_ptr<Protocol> make_replay(const std::filesystem::path& file) { return std::make_unique<Replay>(file); }

}  // namespace ttscale::eval
