// SPDX-License-Identifier: MIT
// Rewrites a copy of a module so that its BatchNorm layers call ttscale::norm and its feature sites
// ttscale::restandardize.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "graph/instance.h"
#include "ttscale/inspect.h"
#include "ttscale/options.h"
#include "ttscale/reference.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// A rewritten site: its description and source statistics [C], float64, on the CPU. The others [C] are those of a
/// feature site's reference, where it has them.
struct RewrittenSite {
  Site site;
  at::Tensor mean, var, eps;
  at::Tensor domain_shift = {}, image_spread = {};
};

/// The state tensors of one site (ops/norm.h), in the order of the operator's arguments.
struct SiteTensors {
  at::Tensor running, counters, last;
};

/// The state of a stream, of the sizes of its rule (stats/rules.h).
struct StateTensors {
  std::vector<SiteTensors> sites;
  at::Tensor stream;  ///< shared by all sites
};

/// Moments at which a site is fixed: [C], float64, on the CPU.
struct FixedMoments {
  at::Tensor mean, var;
};

/// A rewritten module: immutable, shared by its instances.
class Program {
 public:
  /// Clones `module`, inlines its forward, and replaces each adaptable batch_norm, and the output of each site of the
  /// reference, if its name passes the patterns (fnmatch(3): * ? and [...]; `skip_layers` wins). Dropout and running
  /// statistics of the copy are at rest, also where the archive was traced in training mode. Throws ModelError if
  /// nothing can be adapted (unless allow_no_sites), if a site of the reference is not there, or if forward cannot be
  /// called with images alone; UsageError if the patterns select nothing.
  Program(const torch::jit::Module& module, const AdaptOptions& options);

  [[nodiscard]] const std::vector<RewrittenSite>& sites() const { return sites_; }
  /// Where the statistics are.
  [[nodiscard]] const at::Device& device() const { return device_; }

  /// The floating-point type of images that the model takes (input_type.h).
  [[nodiscard]] at::ScalarType input_type() const { return input_type_; }

  /// Methods that go on with the statistics of training (other_methods.h).
  [[nodiscard]] std::vector<std::string> methods_left() const;

  /// How forward is called.
  [[nodiscard]] const CallOptions& call() const { return call_; }

  /// fingerprint() of the module it was made from.
  [[nodiscard]] std::string fingerprint() const;

  /// A copy without our operators, whose sites normalise with fixed moments (one per site) for good; `eps` replaces
  /// that of BatchNorm layers.
  [[nodiscard]] torch::jit::Module bake(const std::vector<FixedMoments>& fixed, std::optional<double> eps) const;

  /// Whether its forward writes into the module itself: a second one for the same images is then another.
  [[nodiscard]] bool changes_itself() const { return changes_itself_; }

  /// Whether instances that are not `exact` run the optimised form.
  [[nodiscard]] bool is_optimized() const;

  /// Why instances run the rewritten graph as it is, in words; empty where they run its optimised form, or have not
  /// run yet.
  [[nodiscard]] std::string why_not_optimized() const;

  /// An instance under a rule (its text), whose sites keep their state in `state`. `exact` is without the optimised
  /// form: under `source` equal to the model bit by bit.
  [[nodiscard]] Instance instantiate(const std::string& rule, const StateTensors& state, bool exact = false) const;

  /// A module under a rule with a copy of the state, which shares nothing with this program.
  [[nodiscard]] torch::jit::Module online(const std::string& rule, const StateTensors& state) const;

 private:
  /// Makes the optimised form, or says why there is none.
  void make_optimized(Optimize optimize);

  std::shared_ptr<const torch::jit::Module> module_;
  std::set<std::string> forward_methods_;  ///< what forward was inlined from; other methods are others' business
  std::vector<RewrittenSite> sites_;
  at::Device device_{at::kCPU};
  at::ScalarType input_type_ = at::kFloat;
  CallOptions call_;
  bool changes_itself_ = false;
  std::shared_ptr<OptimizedForm> optimized_;   ///< null where there is none
  std::shared_ptr<OptimizedForm> unmeasured_;  ///< the same for images that a rule does not measure
  std::string why_not_optimized_;
};

}  // namespace ttscale::graph
