// SPDX-License-Identifier: MIT
// Each batch stands alone, as in MEMO (Zhang et al. 2022): nothing is carried from one to the next.
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Episodic : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    std::vector<StreamPlan> streams;
    for (std::size_t i = 0; i < images.domains().size(); ++i) {
      streams.push_back({{{images.domains()[i].name, images.of(static_cast<std::int64_t>(i))}}});
    }
    return streams;
  }

  [[nodiscard]] bool resets_each_batch() const override { return true; }
};

}  // namespace

std::unique_ptr<Protocol> make_episodic() { return std::make_unique<Episodic>(); }

}  // namespace ttscale::eval
