// SPDX-License-Identifier: MIT
// Shifts come and go, as in CoTTA (Wang et al. 2022): the severities of each kind rise to the highest and fall again,
// all images at each step. Domains without a severity come first, once.
#include "eval/protocols/gradual.h"

#include <algorithm>
#include <iterator>

#include "eval/domain_name.h"
#include "eval/protocols/protocols.h"
#include "ttscale/error.h"

namespace ttscale::eval {
namespace {

using Sequence = std::vector<std::int64_t>;

/// The end of the domains of the same kind, with severities, that start at `first`; domains without stand alone.
Sequence::const_iterator end_of_kind(const std::vector<EvalDomain>& domains, Sequence::const_iterator first,
                                     Sequence::const_iterator end) {
  const auto name = [&](std::int64_t domain) {
    return parse_domain_name(domains[static_cast<std::size_t>(domain)].name);
  };
  const DomainName start = name(*first);
  return start.severity ? std::find_if(first, end,
                                       [&](std::int64_t domain) {
                                         const DomainName other = name(domain);
                                         return !other.severity || other.path != start.path;
                                       })
                        : first + 1;
}

class Gradual : public Protocol {
 public:
  [[nodiscard]] std::vector<StreamPlan> streams(const Images& images) const override {
    StreamPlan stream;
    const std::vector<std::int64_t> sequence = gradual_sequence(images.domains());
    for (const std::int64_t domain : sequence) {
      stream.parts.push_back({images.domains()[static_cast<std::size_t>(domain)].name, images.of(domain)});
    }
    if (sequence.size() == images.domains().size()) {
      throw DataError(
          "protocol gradual: expected domains KIND/SEVERITY with several severities of a kind, found none (" +
          images.domains().front().name + " ...); use continual, or give --shift KIND:1,2,3,4,5");
    }
    return {stream};
  }
};

}  // namespace

std::vector<std::int64_t> gradual_sequence(const std::vector<EvalDomain>& domains) {
  const Sequence usual = usual_sequence(domains);
  Sequence sequence;
  for (auto first = usual.begin(); first != usual.end();) {
    const auto last = end_of_kind(domains, first, usual.end());
    sequence.insert(sequence.end(), first, last);
    sequence.insert(sequence.end(), std::make_reverse_iterator(last) + 1, std::make_reverse_iterator(first));
    first = last;
  }
  return sequence;
}

std::unique_ptr<Protocol> make_gradual() { return std::make_unique<Gradual>(); }

}  // namespace ttscale::eval
