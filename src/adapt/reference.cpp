// SPDX-License-Identifier: MIT
// The dictionary of a reference file.
#include "ttscale/reference.h"

#include <cstdio>

#include <ATen/ATen.h>

#include "adapt/dictionary_file.h"
#include "adapt/reference_file.h"
#include "base/message_text.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

/// Distance of the stored statistics from clean ones that is worth words. A mean off by 0.65 standard deviations, or a
/// variance by a factor of 2.6; clean test images of sound models lie at 0.002 on average and 0.01 at the first layer.
/// Few images lie farther off by chance: by an eighth of the squared standard error for their mean, and as much for
/// their variance.
constexpr double kMismatched = 0.05;
/// Fewer say nothing of what the model should store: whole classes are missing among them.
constexpr std::int64_t kFewestImages = 16;

constexpr DictionaryFormat kFormat{"ttscale-reference", 1, "reference file", "ttscale calibrate"};

at::Tensor moments(const std::filesystem::path& file, const std::string& name, const c10::IValue& value) {
  at::Tensor out = value.toTensor().detach().to(at::kCPU);
  if (out.scalar_type() != at::kDouble || out.dim() != 1 || !out.isfinite().all().item<bool>()) {
    throw DataError(file.string() + " is damaged (" + shown(name) + ": expected finite float64 [C], found " +
                    c10::str(out.scalar_type(), " ", out.sizes()) + "); calibrate again");
  }
  return out;
}

at::Tensor variances(const std::filesystem::path& file, const std::string& name, const c10::IValue& value,
                     const at::Tensor& mean) {
  at::Tensor out = moments(file, name, value);
  if (out.sizes() != mean.sizes() || out.lt(0).any().item<bool>()) {
    throw DataError(file.string() + " is damaged (" + name +
                    ": expected variances, none negative, one a channel); calibrate again");
  }
  return out;
}

Reference read(const std::filesystem::path& file, const c10::impl::GenericDict& dictionary) {
  Reference out;
  out.model = dictionary.at("model").toStringRef();
  out.preprocessing = dictionary.at("preprocessing").toStringRef();
  out.images = dictionary.at("images").toInt();
  for (const c10::IValue& entry : dictionary.at("sites").toListRef()) {
    const auto site = entry.toGenericDict();
    ReferenceSite one;
    one.name = site.at("name").toStringRef();
    one.mean = moments(file, one.name, site.at("mean"));
    one.var = variances(file, one.name, site.at("var"), one.mean);
    one.eps = variances(file, one.name, site.at("eps"), one.mean);
    one.uncertainty = site.at("uncertainty").toTensor().item<double>();
    if (site.contains("stored_distance")) {  // files of before have none, nor weights
      one.stored_distance = site.at("stored_distance").toTensor().item<double>();
      if (!(one.stored_distance >= -1 && one.stored_distance <= 1)) {
        throw DataError(file.string() + " is damaged (" + shown(one.name) + ": expected a distance of 0 to 1, found " +
                        std::to_string(one.stored_distance) + "); calibrate again");
      }
    }
    if (site.contains("domain_shift")) {
      one.domain_shift = variances(file, one.name, site.at("domain_shift"), one.mean);
      one.image_spread = variances(file, one.name, site.at("image_spread"), one.mean);
    }
    out.sites.push_back(std::move(one));
  }
  if (dictionary.contains("domains")) {
    for (const c10::IValue& domain : dictionary.at("domains").toListRef()) {
      out.domains.push_back(domain.toStringRef());
    }
  }
  if (dictionary.contains("input_mean")) {
    out.input_mean = moments(file, "input", dictionary.at("input_mean"));
    out.input_var = variances(file, "input", dictionary.at("input_var"), out.input_mean);
  }
  return out;
}

}  // namespace

std::string Reference::mismatch() const {
  const ReferenceSite* worst = nullptr;
  std::size_t found = 0;
  std::size_t known = 0;
  if (images < kFewestImages) {
    return {};
  }
  for (const ReferenceSite& site : sites) {
    known += site.stored_distance >= 0 ? 1 : 0;
    if (site.stored_distance > kMismatched + site.uncertainty * site.uncertainty / 4) {
      ++found;
      worst = worst == nullptr || site.stored_distance > worst->stored_distance ? &site : worst;
    }
  }
  if (worst == nullptr) {
    return {};
  }
  char distance[32];
  std::snprintf(distance, sizeof(distance), "%.2f", worst->stored_distance);
  return std::to_string(found) + " of " + std::to_string(known) +
         " BatchNorm layers store statistics that are not those of the clean images (most so " + shown(worst->name) +
         ", squared Hellinger distance " + distance +
         "): without this reference, rules that follow the stream would take that for a shift and break the model";
}

void Reference::save(const std::filesystem::path& file) const {
  auto dictionary = new_dictionary(kFormat);
  dictionary.insert("model", model);
  dictionary.insert("preprocessing", preprocessing);
  dictionary.insert("images", images);
  c10::impl::GenericList entries(c10::AnyType::get());
  for (const ReferenceSite& site : sites) {
    c10::impl::GenericDict entry(c10::StringType::get(), c10::AnyType::get());
    entry.insert("name", site.name);
    entry.insert("mean", site.mean);
    entry.insert("var", site.var);
    entry.insert("eps", site.eps);
    // A tensor: torch.load(weights_only=True) of torch 1.13 reads no plain floats.
    entry.insert("uncertainty", at::scalar_tensor(site.uncertainty, at::kDouble));
    entry.insert("stored_distance", at::scalar_tensor(site.stored_distance, at::kDouble));
    if (site.domain_shift.defined()) {
      entry.insert("domain_shift", site.domain_shift);
      entry.insert("image_spread", site.image_spread);
    }
    entries.push_back(entry);
  }
  dictionary.insert("sites", entries);
  if (!domains.empty()) {
    dictionary.insert("domains", c10::List<std::string>(domains));
  }
  if (input_mean.defined()) {
    dictionary.insert("input_mean", input_mean);
    dictionary.insert("input_var", input_var);
  }
  write_dictionary(file, dictionary);
}

Reference Reference::load(const std::filesystem::path& file) {
  return parse_reference(dictionary_bytes(file, kFormat), file);
}

Reference parse_reference(const std::string& bytes, const std::filesystem::path& file) {
  Reference out;
  read_dictionary(bytes, file, kFormat,
                  [&](const c10::impl::GenericDict& dictionary) { out = read(file, dictionary); });
  return out;
}

}  // namespace ttscale
