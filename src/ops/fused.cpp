// SPDX-License-Identifier: MIT
#include "ops/fused.h"

#include "ops/epilogue.h"
#include "ops/layout.h"
#include "ops/norm.h"
#include "ops/prologue.h"
#include "ops/restandardize.h"
#include "ops/site_step.h"
#include "stats/rules.h"

namespace ttscale::ops {
namespace {

Epilogue epilogue(const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                  bool in_place, bool overwrites_residual, bool keeps_dtype) {
  return {residual.value_or(at::Tensor()), parse_activation(activation, a, b), in_place, keeps_dtype,
          overwrites_residual};
}

Prologue prologue(const c10::optional<at::Tensor>& center, const c10::optional<at::Tensor>& scale,
                  const c10::optional<at::Tensor>& shift, const std::string& activation, double a, double b,
                  const c10::optional<at::Tensor>& residual, bool finishes) {
  const bool any = center || scale || shift;
  TORCH_CHECK(!any || (center && scale && shift), "expected center, scale and shift, or none of them, found some");
  if (!any) {
    return {};
  }
  return {{*center, *scale, *shift}, parse_activation(activation, a, b), residual.value_or(at::Tensor()), finishes};
}

using MaybePacked = c10::optional<c10::intrusive_ptr<PackedConvolution>>;

/// Whether nothing of the activations matters but their moments: `source` takes none and passes them on as they are.
bool measures_moments_alone(const Rule& rule) {
  return !stats::needs_medians(rule) && !std::holds_alternative<rule::Source>(rule);
}

Defers parse_defers(std::int64_t number) {
  TORCH_CHECK(number >= 0 && number <= static_cast<std::int64_t>(Defers::kConvolution),
              "expected defers from 0 to 2, found ", number);
  return static_cast<Defers>(number);
}

/// Whether the convolution need not be done here but for its moments.
bool may_be_missing(Defers defers, const at::Tensor& x, const PackedConvolution& packed, const std::string& rule) {
  return defers == Defers::kConvolution && packed.saves_memory(x) && measures_moments_alone(parsed_rule(rule));
}

Measured convolved(const at::Tensor& x, PackedConvolution& packed, const Prologue& before,
                   const MaybePacked& expansion) {
  return expansion && !before.does_nothing() ? packed.expand_and_forward(**expansion, x, before)
                                             : packed.forward_measured(x, before);
}

/// x with all that is still to be done to it.
at::Tensor completed(const at::Tensor& x, const Prologue& before, const MaybePacked& expansion) {
  const bool missing = expansion && !before.does_nothing() && (*expansion)->takes(x);
  return done(before, missing ? (*expansion)->forward(x) : x);
}

Unfinished finished(at::Tensor y) { return {std::move(y), c10::nullopt, c10::nullopt, c10::nullopt, c10::nullopt}; }

Unfinished unfinished(const at::Tensor& y, const Coefficients& k) {
  return {y, k.center, k.scale, k.shift, c10::nullopt};
}

/// Whether the residual can be added to y later, element by element as they lie.
bool can_wait(const at::Tensor& residual, const at::Tensor& y) {
  return !residual.defined() || (residual.is_cpu() && residual.sizes() == y.sizes() &&
                                 residual.scalar_type() == y.scalar_type() && residual.strides() == y.strides());
}

/// The arguments of a joined operator that have nothing to do with its site.
struct Joined {
  at::Tensor x;
  PackedConvolution& packed;
  Prologue before;
  MaybePacked expansion;
  bool finishes;
  Defers defers;
  Epilogue then;
};

/// Leaves `joined` with the x that was convolved. `ahead` is what the site is known to do, if it is. Otherwise `step`
/// advances it and returns what is to be done to what comes out of the convolution, if anything is, and `all` does
/// both.
template <typename Step, typename All>
Unfinished run_joined(Joined& joined, const std::string& rule, const c10::optional<Coefficients>& ahead,
                      const Step& step, const All& all) {
  auto& [x, packed, before, expansion, finishes, defers, then] = joined;
  const bool without = !ahead && may_be_missing(defers, x, packed, rule);
  if (without || (before.finishes && (ahead || !packed.finishes(x, before)))) {
    before.finishes = true;  // what is unfinished is nobody else's
    x = done(before, x);
    before = {};
  }
  const auto with_x = [&, &x = x, &finishes = finishes](Unfinished y) {
    if (finishes) {
      std::get<4>(y) = x;
    }
    return y;
  };
  if (ahead) {
    return with_x(finished(packed.forward_then(completed(x, before, expansion), *ahead, then)));
  }
  const Measured y = without ? packed.measure(x) : convolved(x, packed, before, expansion);
  if (defers == Defers::kNothing || !can_wait(then.residual, y.x)) {
    return with_x(finished(all(y)));
  }
  c10::optional<Coefficients> k;
  if (y.x.numel() > 0) {
    k = step(y);
  }
  return with_x(k ? unfinished(without ? unchanged(x) : y.x, *k) : finished(epilogue_in_tensors(y.x, then)));
}

}  // namespace

at::Tensor fused_norm(at::Tensor& x, const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                      const at::Tensor& source_mean, const at::Tensor& source_var, double eps, const std::string& rule,
                      at::Tensor& running, at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                      const c10::optional<at::Tensor>& residual, const std::string& activation, double a, double b,
                      bool in_place, bool keeps_dtype) {
  return norm_then({x, {}, {}}, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream,
                   epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

at::Tensor fused_restandardize(at::Tensor& x, const at::Tensor& source_mean, const at::Tensor& source_var,
                               const at::Tensor& eps, const std::string& rule, at::Tensor& running,
                               at::Tensor& counters, at::Tensor& last, at::Tensor& stream,
                               const c10::optional<at::Tensor>& residual, const std::string& activation, double a,
                               double b, bool in_place, bool keeps_dtype) {
  return restandardize_then({x, {}, {}}, source_mean, source_var, eps, rule, running, counters, last, stream,
                            epilogue(residual, activation, a, b, in_place, /*overwrites_residual=*/false, keeps_dtype));
}

Unfinished convolution_norm(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                            const c10::optional<at::Tensor>& weight, const c10::optional<at::Tensor>& bias,
                            const at::Tensor& source_mean, const at::Tensor& source_var, double eps,
                            const std::string& rule, at::Tensor& running, at::Tensor& counters, at::Tensor& last,
                            at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                            const std::string& activation, double a, double b, bool overwrites_residual,
                            bool keeps_dtype, const c10::optional<at::Tensor>& center,
                            const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                            const std::string& before_activation, double before_a, double before_b,
                            const MaybePacked& expansion, const c10::optional<at::Tensor>& before_residual,
                            bool finishes, std::int64_t defers) {
  Joined joined{x,
                *packed,
                prologue(center, scale, shift, before_activation, before_a, before_b, before_residual, finishes),
                expansion,
                finishes,
                parse_defers(defers),
                epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype)};
  return run_joined(
      joined, rule,
      norm_ahead(x.dim() > 0 ? x.size(0) : 0, weight, bias, source_mean, source_var, eps, rule, running, counters, last,
                 stream),
      [&](const Measured& y) {
        return norm_step(y, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream);
      },
      [&](const Measured& y) {
        return norm_then(y, weight, bias, source_mean, source_var, eps, rule, running, counters, last, stream,
                         joined.then);
      });
}

Unfinished convolution_restandardize(const at::Tensor& x, const c10::intrusive_ptr<PackedConvolution>& packed,
                                     const at::Tensor& source_mean, const at::Tensor& source_var, const at::Tensor& eps,
                                     const std::string& rule, at::Tensor& running, at::Tensor& counters,
                                     at::Tensor& last, at::Tensor& stream, const c10::optional<at::Tensor>& residual,
                                     const std::string& activation, double a, double b, bool overwrites_residual,
                                     bool keeps_dtype, const c10::optional<at::Tensor>& center,
                                     const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift,
                                     const std::string& before_activation, double before_a, double before_b,
                                     const MaybePacked& expansion, const c10::optional<at::Tensor>& before_residual,
                                     bool finishes, std::int64_t defers) {
  Joined joined{x,
                *packed,
                prologue(center, scale, shift, before_activation, before_a, before_b, before_residual, finishes),
                expansion,
                finishes,
                parse_defers(defers),
                epilogue(residual, activation, a, b, /*in_place=*/true, overwrites_residual, keeps_dtype)};
  return run_joined(
      joined, rule,
      restandardize_ahead(x.dim() > 0 ? x.size(0) : 0, source_mean, source_var, eps, rule, running, counters, last,
                          stream),
      [&](const Measured& y) {
        return restandardize_step(y, source_mean, source_var, eps, rule, running, counters, last, stream);
      },
      [&](const Measured& y) {
        return restandardize_then(y, source_mean, source_var, eps, rule, running, counters, last, stream, joined.then);
      });
}

}  // namespace ttscale::ops
