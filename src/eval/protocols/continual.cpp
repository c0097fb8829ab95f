// SPDX-License-Identifier: MIT
// Domains follow each other in one stream, as in CoTTA (Wang et al. 2022), kinds in the order of the ImageNet-C papers.
#include "eval/domain_name.h"
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Continual : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    StreamPlan stream;
    for (const std::int64_t domain : usual_sequence(images.domains())) {
      stream.parts.push_back({images.domains()[static_cast<std::size_t>(domain)].name, images.of(domain)});
    }
    return {stream};
  }
};

}  // namespace

std::unique_ptr<Protocol> make_continual() { return std::make_unique<Continual>(); }

}  // namespace ttscale::eval
