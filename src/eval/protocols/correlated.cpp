// SPDX-License-Identifier: MIT
// Each domain is a stream of its own in which classes come in runs, as in NOTE (Gong et al. 2022) and LAME (Boudiaf et
// al. 2022): what a camera sees. Shares of classes over time are drawn from a Dirichlet distribution; delta 0 is the
// extreme, one class after the other.
#include "eval/protocols/protocols.h"
#include "eval/protocols/runs.h"

namespace ttscale::eval {
namespace {

class Correlated : public Protocol {
 public:
  explicit Correlated(double delta) : delta_(delta) {}

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    std::vector<StreamPlan> streams;
    for (std::size_t i = 0; i < images.domains().size(); ++i) {
      const std::vector<Item> items = images.of(static_cast<std::int64_t>(i));
      streams.push_back({{{images.domains()[i].name, in_runs(items, images, delta_)}}});
    }
    return streams;
  }

  [[nodiscard]] bool orders_images() const override { return true; }
  [[nodiscard]] bool needs_classes() const override { return true; }

 private:
  double delta_;
};

}  // namespace

std::unique_ptr<Protocol> make_correlated(const OptionText& text) {
  return std::make_unique<Correlated>(read_delta(text));
}

}  // namespace ttscale::eval
