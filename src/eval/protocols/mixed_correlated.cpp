// SPDX-License-Identifier: MIT
// The images of all domains in one stream, classes in runs, the domains of a run's images at random, as in RoTTA (Yuan
// et al. 2023) and ROID (Marsden et al. 2024): both difficulties at once.
#include "eval/protocols/protocols.h"
#include "eval/protocols/runs.h"

namespace ttscale::eval {
namespace {

class MixedCorrelated : public Protocol {
 public:
  explicit MixedCorrelated(double delta) : delta_(delta) {}

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    return {{{{"all domains", in_runs(images.all(), images, delta_)}}}};
  }

  [[nodiscard]] bool orders_images() const override { return true; }
  [[nodiscard]] bool needs_classes() const override { return true; }

 private:
  double delta_;
};

}  // namespace

std::unique_ptr<Protocol> make_mixed_correlated(const OptionText& text) {
  return std::make_unique<MixedCorrelated>(read_delta(text));
}

}  // namespace ttscale::eval
