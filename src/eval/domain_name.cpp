// SPDX-License-Identifier: MIT
// Splits names and sorts domains by them.
#include "eval/domain_name.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <tuple>

namespace ttscale::eval {
namespace {

constexpr std::array<std::string_view, 19> kKinds{"gaussian_noise",
                                                  "shot_noise",
                                                  "impulse_noise",
                                                  "defocus_blur",
                                                  "glass_blur",
                                                  "motion_blur",
                                                  "zoom_blur",
                                                  "snow",
                                                  "frost",
                                                  "fog",
                                                  "brightness",
                                                  "contrast",
                                                  "elastic_transform",
                                                  "pixelate",
                                                  "jpeg_compression",
                                                  "speckle_noise",
                                                  "gaussian_blur",
                                                  "spatter",
                                                  "saturate"};

std::ptrdiff_t rank_of(const std::string& kind) {
  return std::find(kKinds.begin(), kKinds.end(), kind) - kKinds.begin();
}

}  // namespace

DomainName parse_domain_name(const std::string& name) {
  constexpr std::size_t kMostDigits = 9;
  DomainName out{name, name, std::nullopt};
  const std::size_t slash = name.rfind('/');
  const std::string last = slash == std::string::npos ? std::string() : name.substr(slash + 1);
  if (slash != std::string::npos && slash > 0 && !last.empty() && last.size() <= kMostDigits &&
      last.find_first_not_of("0123456789") == std::string::npos) {
    out.path = name.substr(0, slash);
    out.severity = std::stoll(last);
  }
  out.kind = out.path.substr(out.path.rfind('/') + 1);
  return out;
}

std::vector<std::int64_t> usual_sequence(const std::vector<EvalDomain>& domains) {
  using Key = std::tuple<bool, std::ptrdiff_t, std::string, std::int64_t>;
  std::vector<Key> keys;
  for (const EvalDomain& domain : domains) {
    const DomainName name = parse_domain_name(domain.name);
    // Without a severity the order of the tree is all there is.
    keys.emplace_back(name.severity.has_value(), name.severity ? rank_of(name.kind) : 0,
                      name.severity ? name.path : std::string(), name.severity.value_or(0));
  }
  std::vector<std::int64_t> sequence(domains.size());
  std::iota(sequence.begin(), sequence.end(), std::int64_t{0});
  std::stable_sort(sequence.begin(), sequence.end(), [&](std::int64_t a, std::int64_t b) {
    return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
  });
  return sequence;
}

}  // namespace ttscale::eval
