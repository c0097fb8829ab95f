// SPDX-License-Identifier: MIT
// The results of which pages are looked at.
#include "metrics/classification.h"
#include "sample_result.h"

namespace ttscale::report {
namespace {

SampleOptions with_domains(std::vector<std::string> domains) {
  SampleOptions options;
  options.domains = std::move(domains);
  return options;
}

eval::EvalResult one_domain() {
  SampleOptions options = with_domains({"photos"});
  options.rules = {"source", "batch"};
  return make_sample(options);
}

eval::EvalResult only_source() {
  SampleOptions options = with_domains({"photos"});
  options.rules = {"source"};
  return make_sample(options);
}

eval::EvalResult without_source() {
  SampleOptions options = with_domains(nine_domains());
  options.rules = {"batch", "dua"};
  return make_sample(options);
}

eval::EvalResult continual(std::vector<std::string> domains) {
  SampleOptions options = with_domains(std::move(domains));
  options.settings = {{"continual", 64, 42}};
  options.rules = {"source", "batch", "ema:momentum=0.1", "dua"};
  return make_sample(options);
}

eval::EvalResult seeds_and_batch_sizes() {
  SampleOptions options = with_domains(nine_domains());
  options.settings.clear();
  for (const char* protocol : {"reset-each-domain", "correlated:delta=0.1"}) {
    for (const std::int64_t batch_size : {4, 64}) {
      for (const std::uint64_t seed : {0U, 1U, 2U}) {
        options.settings.push_back({protocol, batch_size, seed});
      }
    }
  }
  return make_sample(options);
}

eval::EvalResult segmentation() {
  SampleOptions options = with_domains(nine_domains());
  options.task = eval::Task::kSegmentation;
  return make_sample(options);
}

eval::EvalResult many_rules() {
  SampleOptions options = with_domains(nine_domains());
  options.rules = {"source",
                   "batch",
                   "prior:count=16",
                   "alpha:weight=0.3",
                   "ema:momentum=0.1,order=use-update,variance=biased,mixing=total",
                   "cumulative:count=100",
                   "dua",
                   "auto"};
  options.sites = 53;
  return make_sample(options);
}

eval::EvalResult troubled() {
  eval::EvalResult result = interrupted(make_sample(with_domains(nine_domains())), 5);
  result.cells[1].scores.non_finite = 3;
  result.cells[2].rejected = 2;
  result.skipped = {{"fog/3", "models/fashion-images/fog/3/Coat/17.png", "expected a PNG, found the end of the file"},
                    {"fog/3", "models/fashion-images/fog/3/Coat/18.png", "expected a PNG, found the end of the file"}};
  result.cells[3].scores.nll = std::numeric_limits<double>::infinity();
  return result;
}

/// Names that try to be markup, to be too long, and to be no UTF-8.
eval::EvalResult hostile() {
  const std::string script = "<script>alert('1')</script>";
  SampleOptions options = with_domains({script + "/1", "\"quoted\" & 'single'/2", std::string(300, 'x') + "/3",
                                        "not\xFFutf8\xC3/4", "| pipe | `tick` *star*/5"});
  options.rules = {"source", "batch", "ema:momentum=0.1,</style><b>&amp;", std::string(300, 'r')};
  options.classes = {"<img src=x onerror=alert(1)>", "a\"b", std::string(300, 'c'), "\xF0\x9F\x98\x80 emoji", "]]>"};
  eval::EvalResult result = make_sample(options);
  result.plan.model = "</title><script src=\"http://example.com/x.js\"></script>";
  for (eval::Example& example : result.examples) {
    example.path = "a/" + script + "\" onclick=\"x\xFE.png";
  }
  result.skipped = {{script, "\xFF" + script, "reason <b>"}};
  return result;
}

eval::EvalResult thousand_classes() {
  SampleOptions options = with_domains(nine_domains());
  for (int i = 0; i < 1000; ++i) {
    options.classes.push_back("class of objects number " + std::to_string(i));
  }
  options.examples = 40;
  options.sites = 121;
  return make_sample(options);
}

}  // namespace

eval::EvalResult guarded() {
  SampleOptions options = with_domains({"inversion/5", "fog/3", "clean/0"});
  options.rules = {"source", "batch", "auto"};
  eval::EvalResult result = make_sample(options);
  result.plan.guard = "1/4";
  const GuardEvidence doubt{32, 4, -0.08, 0.06, 0.75, 0.5, 0.625, 4, 3.5};
  const GuardEvidence harm{64, 8, -0.125, 0.05, 0.5, 0.5, 0.75, 4, 1.5};
  for (eval::Cell& cell : result.cells) {
    if (cell.rule != "source") {
      cell.guard.emplace();
      cell.guard->compared = 125;
    }
  }
  eval::GuardSummary& first = *result.cells[2].guard;
  first.action = GuardAction::kRollBack;
  first.decisions = {{64, GuardAction::kHold, doubt}, {128, GuardAction::kRollBack, harm}};
  result.cells[5].guard->action = GuardAction::kRollBack;
  return result;
}

std::vector<std::pair<std::string, eval::EvalResult>> all_samples() {
  return {{"nine", make_sample(with_domains(nine_domains()))},
          {"ninety-five", make_sample(with_domains(ninety_five_domains()))},
          {"one-domain", one_domain()},
          {"only-source", only_source()},
          {"without-source", without_source()},
          {"continual", continual(nine_domains())},
          {"continual-95", continual(ninety_five_domains())},
          {"settings", seeds_and_batch_sizes()},
          {"segmentation", segmentation()},
          {"many-rules", many_rules()},
          {"troubled", troubled()},
          {"nothing", interrupted(make_sample(with_domains(nine_domains())), 0)},
          {"guarded", guarded()},
          {"hostile", hostile()},
          {"thousand-classes", thousand_classes()}};
}

}  // namespace ttscale::report
