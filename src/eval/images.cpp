// SPDX-License-Identifier: MIT
// Look-ups in the image tree.
#include "eval/images.h"

#include <algorithm>

namespace ttscale::eval {

std::vector<Item> Images::of(std::int64_t domain) const {
  const data::Domain& folder = tree_.domains[domains_[static_cast<std::size_t>(domain)].folder];
  std::vector<std::int64_t> samples = data::arranged(folder, order_);
  if (num_samples_ && static_cast<std::size_t>(*num_samples_) < samples.size()) {
    samples.resize(static_cast<std::size_t>(*num_samples_));
  }
  std::vector<Item> items;
  items.reserve(samples.size());
  std::transform(samples.begin(), samples.end(), std::back_inserter(items), [&](std::int64_t sample) {
    return Item{domain, sample};
  });
  return items;
}

std::vector<Item> Images::all() const {
  std::vector<Item> items;
  for (std::size_t domain = 0; domain < domains_.size(); ++domain) {
    const std::vector<Item> own = of(static_cast<std::int64_t>(domain));
    items.insert(items.end(), own.begin(), own.end());
  }
  return items;
}

std::vector<Item> Images::in_tree() const {
  std::vector<Item> items;
  for (std::size_t domain = 0; domain < domains_.size(); ++domain) {
    const std::size_t count = tree_.domains[domains_[domain].folder].samples.size();
    for (std::size_t sample = 0; sample < count; ++sample) {
      items.push_back({static_cast<std::int64_t>(domain), static_cast<std::int64_t>(sample)});
    }
  }
  return items;
}

std::vector<std::int64_t> Images::labels(const std::vector<Item>& items) const {
  std::vector<std::int64_t> labels;
  labels.reserve(items.size());
  for (const Item& item : items) {
    const std::size_t folder = domains_[static_cast<std::size_t>(item.domain)].folder;
    labels.push_back(tree_.domains[folder].samples[static_cast<std::size_t>(item.sample)].label);
  }
  return labels;
}

std::string Images::relative_path(const Item& item) const {
  return sample(item).path.lexically_relative(tree_.root).generic_string();
}

data::Sample Images::sample(const Item& item) const {
  const std::size_t folder = domains_[static_cast<std::size_t>(item.domain)].folder;
  data::Sample sample = tree_.domains[folder].samples[static_cast<std::size_t>(item.sample)];
  sample.domain = item.domain;
  return sample;
}

}  // namespace ttscale::eval
