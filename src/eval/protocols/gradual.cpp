// SPDX-License-Identifier: MIT
// Shifts come and go, as in CoTTA (Wang et al. 2022): the severities of each kind rise to the highest and fall again,
// all images at each step. Domains without a severity come first, once.
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
    const std::vector<std::int64_t> sequence = usual_sequence(images.domains());
    const auto meet = [&](std::int64_t domain) {
      stream.parts.push_back({images.domains()[static_cast<std::size_t>(domain)].name, images.of(domain)});
    };
    bool has_severities = false;
    for (auto first = sequence.begin(); first != sequence.end();) {
      const auto last = end_of_kind(images.domains(), first, sequence.end());
      std::for_each(first, last, meet);
      std::for_each(std::make_reverse_iterator(last) + 1, std::make_reverse_iterator(first), meet);
      has_severities = has_severities || last - first > 1;
      first = last;
    }
    if (!has_severities) {
      throw DataError(
          "protocol gradual: expected domains KIND/SEVERITY with several severities of a kind, found none (" +
          images.domains().front().name + " ...); use continual, or give --shift KIND:1,2,3,4,5");
    }
    return {stream};
  }
};

}  // namespace

std::unique_ptr<Protocol> make_gradual() { return std::make_unique<Gradual>(); }

}  // namespace ttscale::eval
