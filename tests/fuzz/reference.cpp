// SPDX-License-Identifier: MIT
// Reference files: archives as they are, and pickles in a sound archive.
#include <ATen/ATen.h>

#include "adapt/reference_file.h"
#include "pickled.h"
#include "refusal.h"
#include "targets.h"

bool ttscale::fuzz::reference(std::string_view bytes) {
  bool accepted = false;
  // Storages of a reference without weights, and of one with them.
  for (const std::string& file : {std::string(bytes), archive_of(bytes, {16, 16, 16, 8, 24, 24}),
                                  archive_of(bytes, {16, 16, 16, 8, 16, 16, 24, 24})}) {
    accepted |= may_refuse([&] {
      const Reference read = parse_reference(file, "clean.reference");
      for (const ReferenceSite& site : read.sites) {
        require(site.mean.dim() == 1 && site.mean.sizes() == site.var.sizes() &&
                    site.mean.sizes() == site.eps.sizes() && site.mean.isfinite().all().item<bool>(),
                "moments of another form");
        require(!site.domain_shift.defined() ||
                    (site.domain_shift.sizes() == site.mean.sizes() && site.image_spread.sizes() == site.mean.sizes()),
                "weights of another form");
      }
    });
  }
  return accepted;
}
