// SPDX-License-Identifier: MIT
// Domains come back, as in PeTTA (Hoang et al. 2024): one stream visits all of them in turn, round after round. There
// every visit shows all images of a domain again; here each round has a share of them, so that every image counts once.
#include <algorithm>
#include <string>
#include <utility>

#include "eval/domain_name.h"
#include "eval/protocols/count_field.h"
#include "eval/protocols/protocols.h"

namespace ttscale::eval {
namespace {

class Recurring : public Protocol {
 public:
  explicit Recurring(std::int64_t rounds) : rounds_(rounds) {}

  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    std::vector<std::pair<std::string, std::vector<Item>>> domains;
    std::int64_t most = 0;
    for (const std::int64_t domain : usual_sequence(images.domains())) {
      domains.emplace_back(images.domains()[static_cast<std::size_t>(domain)].name, images.of(domain));
      most = std::max(most, static_cast<std::int64_t>(domains.back().second.size()));
    }
    const std::int64_t rounds = std::min(rounds_, most);  // others would be empty
    StreamPlan stream;
    for (std::int64_t round = 0; round < rounds; ++round) {
      for (const auto& [name, items] : domains) {
        const auto count = static_cast<std::int64_t>(items.size());
        const auto first = items.begin() + count * round / rounds;
        const auto last = items.begin() + count * (round + 1) / rounds;
        if (first != last) {
          stream.parts.push_back({name, {first, last}});
        }
      }
    }
    return {stream};
  }

 private:
  std::int64_t rounds_;
};

}  // namespace

std::unique_ptr<Protocol> make_recurring(const OptionText& text) {
  return std::make_unique<Recurring>(read_count(text, "rounds", 10));
}

}  // namespace ttscale::eval
