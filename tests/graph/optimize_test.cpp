// SPDX-License-Identifier: MIT
// What is fused with a site and what is not, and which convolutions are packed, in graphs written by hand.
#include "graph/optimize.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/irparser.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/script.h>

#include "graph/joined.h"
#include "graph/node.h"
#include "ops/cpu/matrix_kernels.h"
#include "ops/fused.h"
#include "ops/norm.h"
#include "ops/packed_convolution.h"

namespace ttscale::graph {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using torch::jit::Graph;

/// `body` sees an image %x, a residual %r, and %y = norm(conv(%x)), and sets what is returned.
std::shared_ptr<Graph> graph_of(
    const std::string& body, const std::string& result = "%z",
    const std::string& source = "%c : Tensor = aten::conv2d(%x, %w, %n, %i, %i, %i, %one)") {
  ops::link_operators();
  auto graph = std::make_shared<Graph>();
  torch::jit::parseIR(R"IR(
graph(%x : Tensor, %r : Tensor, %w : Tensor, %m : Tensor, %v : Tensor, %rule : str, %s1 : Tensor, %s2 : Tensor, %s3 : Tensor, %s4 : Tensor):
  %n : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %zero : float = prim::Constant[value=0.]()
  %six : float = prim::Constant[value=6.]()
  %eps : float = prim::Constant[value=1e-05]()
  %i : int[] = prim::ListConstruct(%one, %one)
  )IR" + source + R"IR(
  %y : Tensor = ttscale::norm(%c, %n, %n, %m, %v, %eps, %rule, %s1, %s2, %s3, %s4)
)IR" + body + "\n  return (" +
                          result + ")\n",
                      graph.get());
  EXPECT_EQ(fuse_sites(*graph), 1);
  graph->lint();
  return graph;
}

/// The inputs of the one fused node, behind those of the site.
struct Fused {
  bool residual = false;
  std::string activation;
  double a = 0, b = 0;
  bool in_place = false;
};

Fused fused_in(Graph& graph) {
  Fused out;
  for_each_node(*graph.block(), [&](torch::jit::Node& node, bool) {
    if (kind_of(node) == "ttscale::fused_norm") {
      const auto constant = [&](std::size_t i) { return *torch::jit::toIValue(node.inputs().at(i)); };
      out.residual = node.inputs().at(11)->type()->kind() == c10::TypeKind::TensorType;
      out.activation = constant(12).toStringRef();
      out.a = constant(13).toDouble();
      out.b = constant(14).toDouble();
      out.in_place = constant(15).toBool();
    }
  });
  return out;
}

TEST(FuseSites, TakesTheActivation) {
  const auto graph = graph_of("  %z : Tensor = aten::relu_(%y)");
  const Fused fused = fused_in(*graph);
  EXPECT_EQ(fused.activation, "clamp");
  EXPECT_EQ(fused.a, 0);
  EXPECT_GT(fused.b, 1e300);
  EXPECT_FALSE(fused.residual);
  EXPECT_TRUE(fused.in_place);
  EXPECT_THAT(graph->toString(), Not(HasSubstr("aten::relu")));
}

TEST(FuseSites, KnowsEveryActivation) {
  EXPECT_EQ(fused_in(*graph_of("  %z : Tensor = aten::hardtanh(%y, %zero, %six)")).b, 6);
  EXPECT_EQ(fused_in(*graph_of("  %z : Tensor = aten::relu6(%y)")).b, 6);
  EXPECT_EQ(fused_in(*graph_of("  %z : Tensor = aten::leaky_relu(%y, %eps)")).activation, "leaky_relu");
  EXPECT_EQ(fused_in(*graph_of("  %z : Tensor = aten::hardswish_(%y)")).activation, "hardswish");
  EXPECT_EQ(fused_in(*graph_of("  %z : Tensor = aten::silu(%y)")).activation, "silu");
  const auto other = graph_of("  %z : Tensor = aten::tanh(%y)");
  EXPECT_EQ(fused_in(*other).activation, "clamp");
  EXPECT_LT(fused_in(*other).a, -1e300);
  EXPECT_THAT(other->toString(), HasSubstr("aten::tanh"));
}

TEST(FuseSites, TakesAResidualFromEitherSide) {
  for (const char* body : {"  %a : Tensor = aten::add(%y, %r, %one)\n  %z : Tensor = aten::relu(%a)",
                           "  %a : Tensor = aten::add(%r, %y, %one)\n  %z : Tensor = aten::relu(%a)",
                           "  %a : Tensor = aten::add_(%y, %r, %one)\n  %z : Tensor = aten::relu_(%a)"}) {
    const auto graph = graph_of(body);
    EXPECT_TRUE(fused_in(*graph).residual) << body;
    EXPECT_THAT(graph->toString(), Not(HasSubstr("aten::add"))) << body;
    EXPECT_THAT(graph->toString(), Not(HasSubstr("aten::relu"))) << body;
  }
}

TEST(FuseSites, LeavesOtherAdditions) {
  for (const char* body : {"  %z : Tensor = aten::add(%y, %r, %two)",       // twice the residual
                           "  %z : Tensor = aten::add(%y, %y, %one)",       // both sides
                           "  %z : Tensor = aten::add_(%r, %y, %one)",      // the residual is written
                           "  %z : Tensor = aten::add(%y, %six, %one)"}) {  // a number
    const auto graph = graph_of(body);
    EXPECT_FALSE(fused_in(*graph).residual) << body;
    EXPECT_THAT(graph->toString(), HasSubstr("aten::add")) << body;
  }
}

TEST(FuseSites, LeavesValuesThatOthersTake) {
  const auto graph = graph_of("  %a : Tensor = aten::relu(%y)\n  %z : Tensor = aten::add(%a, %y, %one)");
  EXPECT_LT(fused_in(*graph).a, -1e300) << "the normalised value is needed, too";
  EXPECT_THAT(graph->toString(), HasSubstr("aten::relu"));
  const auto returned = graph_of("", "%y");
  EXPECT_EQ(fused_in(*returned).activation, "clamp");
}

TEST(FuseSites, OverwritesOnlyWhatNobodyElseHolds) {
  const char* relu = "  %z : Tensor = aten::relu(%y)";
  EXPECT_TRUE(fused_in(*graph_of(relu)).in_place);
  EXPECT_FALSE(fused_in(*graph_of(relu, "%z, %c")).in_place) << "the convolution's output is returned";
  EXPECT_FALSE(fused_in(*graph_of(relu, "%z", "%c : Tensor = aten::relu(%x)")).in_place);
  EXPECT_FALSE(fused_in(*graph_of(relu, "%z", "%c : Tensor = aten::view(%x, %i)")).in_place);
  EXPECT_FALSE(fused_in(*graph_of("  %a : Tensor = aten::relu(%y)\n  %z : Tensor = aten::add(%a, %c, %one)")).in_place);
}

TEST(FuseSites, TakesAnAdditionIntoWhatIsFree) {
  // As in the first block of a stage: out += downsample(x).
  const char* source =
      "%k : Tensor = aten::conv2d(%r, %w, %n, %i, %i, %i, %one)\n"
      "  %c : Tensor = aten::conv2d(%x, %w, %n, %i, %i, %i, %one)";
  EXPECT_TRUE(fused_in(*graph_of("  %z : Tensor = aten::add_(%k, %y, %one)", "%z", source)).residual);
  EXPECT_FALSE(fused_in(*graph_of("  %z : Tensor = aten::add_(%k, %y, %one)", "%z, %k", source)).residual)
      << "its other holder sees the sum";
}

TEST(FuseSites, DoesNotMoveASiteBehindOtherWork) {
  // What lies between might write into the residual, or be another site.
  const auto graph =
      graph_of("  %b : Tensor = aten::conv2d(%r, %w, %n, %i, %i, %i, %one)\n  %z : Tensor = aten::add(%y, %b, %one)");
  EXPECT_FALSE(fused_in(*graph).residual);
  EXPECT_THAT(graph->toString(), HasSubstr("aten::add"));
}

torch::jit::Module convolutions() {
  torch::jit::Module module("m");
  module.register_buffer("w", at::randn({4, 2, 3, 3}));
  module.register_buffer("b", at::randn({4}));
  module.define(R"(
def forward(self, x, y):
  a = torch.conv2d(x, self.w, self.b, [2, 2], [1, 1], [1, 1], 1)
  b = torch.conv2d(x, self.w, None, [1, 1], "same", [1, 1], 1)
  c = torch.conv2d(x, y, None, [1, 1], [1, 1], [1, 1], 1)
  d = torch.conv_transpose2d(x, y, None, [1, 1], [1, 1])
  e = torch._convolution(x, self.w, self.b, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, False, False, True, True)
  return a, b, c, d, e
)");
  return module;
}

TEST(PackConvolutions, TakesThoseWhoseWeightsAreKnown) {
  ops::link_operators();
  at::manual_seed(2);
  torch::jit::Module plain = convolutions();
  plain.eval();
  torch::jit::Module module = torch::jit::freeze_module(plain);  // known means constant
  const auto graph = module.get_method("forward").graph();
  EXPECT_EQ(pack_convolutions(module, *graph), 2);
  graph->lint();
  const at::Tensor x = at::randn({2, 2, 8, 8});
  const at::Tensor y = at::randn({2, 2, 3, 3});
  const auto want = plain.forward({x, y}).toTupleRef().elements();
  const auto got = module.forward({x, y}).toTupleRef().elements();
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_TRUE(at::allclose(want[i].toTensor(), got[i].toTensor(), 1e-4, 1e-4)) << i;
  }
}

/// Graphs of packed convolutions and sites, joined where they can be. `body` sees an image %x, a residual %r, and
/// convolutions' weights %p.
std::shared_ptr<Graph> joined(const std::string& body, std::int64_t expected) {
  ops::link_operators();
  auto graph = std::make_shared<Graph>();
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
    return text;
  };
  // site(%c, %r) with and without a residual
  std::string text = replaced(body, "site(", "ttscale::fused_norm(");
  text = replaced(text, "|", ", %n, %n, %m, %v, %eps, %rule, %s1, %s2, %s3, %s4, ");
  text = replaced(text, ";)", ", %act, %eps, %eps, %yes, %no)");
  torch::jit::parseIR(R"IR(
graph(%x : Tensor, %r : Tensor, %p : __torch__.torch.classes.ttscale.PackedConvolution, %m : Tensor, %v : Tensor, %rule : str, %s1 : Tensor, %s2 : Tensor, %s3 : Tensor, %s4 : Tensor):
  %n : NoneType = prim::Constant()
  %eps : float = prim::Constant[value=1e-05]()
  %act : str = prim::Constant[value="clamp"]()
  %yes : bool = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
)IR" + text,
                      graph.get());
  EXPECT_EQ(join_convolutions(graph), expected);
  graph->lint();
  return graph;
}

/// Whether each joined node in turn may overwrite its residual.
std::vector<bool> overwrites(Graph& graph) {
  std::vector<bool> out;
  for_each_node(*graph.block(), [&](torch::jit::Node& node, bool) {
    if (kind_of(node) == "ttscale::convolution_norm") {
      out.push_back(torch::jit::toIValue(joined_input(node, kJoinedOverwrites))->toBool());
    }
  });
  return out;
}

using Flags = std::vector<bool>;

TEST(JoinConvolutions, TakesASiteThatAloneTakesTheOutput) {
  const auto graph = joined(R"IR(
  %c : Tensor = ttscale::convolution(%x, %p)
  %y : Tensor = site(%c|%n;)
  return (%y))IR",
                            1);
  EXPECT_THAT(graph->toString(), Not(HasSubstr("fused_norm")));
  EXPECT_THAT(graph->toString(), Not(HasSubstr("ttscale::convolution(")));
}

TEST(JoinConvolutions, LeavesOutputsThatOthersTake) {
  const auto graph = joined(R"IR(
  %c : Tensor = ttscale::convolution(%x, %p)
  %y : Tensor = site(%c|%n;)
  return (%y, %c))IR",
                            0);
  EXPECT_THAT(graph->toString(), HasSubstr("fused_norm"));
}

TEST(JoinConvolutions, MovesAConvolutionPastOtherWork) {
  joined(R"IR(
  %c : Tensor = ttscale::convolution(%x, %p)
  %q : Tensor = aten::relu(%r)
  %y : Tensor = site(%c|%q;)
  return (%y))IR",
         1);
}

TEST(JoinConvolutions, DoesNotMoveAConvolutionPastWhatWritesItsInput) {
  joined(R"IR(
  %c : Tensor = ttscale::convolution(%x, %p)
  %z : Tensor = aten::relu_(%x)
  %y : Tensor = site(%c|%n;)
  return (%y, %z))IR",
         0);
}

TEST(JoinConvolutions, ResidualsAreOverwrittenAtTheirLastUse) {
  // A block of a ResNet: the residual is read by the block's first convolution, then added.
  EXPECT_EQ(overwrites(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  %c2 : Tensor = ttscale::convolution(%y1, %p)
  %y2 : Tensor = site(%c2|%y0;)
  %c3 : Tensor = ttscale::convolution(%y2, %p)
  %y3 : Tensor = site(%c3|%n;)
  %c4 : Tensor = ttscale::convolution(%y3, %p)
  %y4 : Tensor = site(%c4|%y2;)
  return (%y4))IR",
                               5)),
            (Flags{false, false, true, false, true}));
}

TEST(JoinConvolutions, ResidualsThatAreTakenLaterStay) {
  EXPECT_EQ(overwrites(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%x, %p)
  %y1 : Tensor = site(%c1|%y0;)
  %c2 : Tensor = ttscale::convolution(%y0, %p)
  %y2 : Tensor = site(%c2|%y1;)
  return (%y2))IR",
                               3)),
            (Flags{false, false, true}));
}

TEST(JoinConvolutions, ResidualsThatSomebodyElseHoldsStay) {
  EXPECT_EQ(overwrites(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%r;)
  %c1 : Tensor = ttscale::convolution(%x, %p)
  %y1 : Tensor = site(%c1|%y0;)
  %l : Tensor[] = prim::ListConstruct(%y1)
  %c2 : Tensor = ttscale::convolution(%x, %p)
  %y2 : Tensor = site(%c2|%y1;)
  return (%y2, %l))IR",
                               3)),
            (Flags{false, true, false}));
}

TEST(JoinConvolutions, AResidualThatIsConvolvedStays) {
  EXPECT_EQ(overwrites(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%y0;)
  return (%y1))IR",
                               2)),
            (Flags{false, false}));
}

/// A module with a packed convolution of each kind, of 40 channels.
torch::jit::Module packed_convolutions() {
  torch::jit::Module module("m");
  const auto add = [&](const char* name, std::int64_t kernel, std::int64_t groups) {
    const ops::ConvolutionOptions options{
        at::randn({40, 40 / groups, kernel, kernel}), {}, {1, 1}, {kernel / 2, kernel / 2}, {1, 1}, groups};
    module.register_attribute(name, c10::getCustomClassType<c10::intrusive_ptr<ops::PackedConvolution>>(),
                              c10::make_intrusive<ops::PackedConvolution>(options));
  };
  add("dense", 3, 1);
  add("depthwise", 3, 40);
  add("pointwise", 1, 1);
  const ops::ConvolutionOptions expansion{at::randn({40, 8, 1, 1}), {}, {1, 1}, {0, 0}, {1, 1}, 1};
  module.register_attribute("expansion", c10::getCustomClassType<c10::intrusive_ptr<ops::PackedConvolution>>(),
                            c10::make_intrusive<ops::PackedConvolution>(expansion));
  return module;
}

std::vector<torch::jit::Node*> joined_nodes(Graph& graph) {
  std::vector<torch::jit::Node*> out;
  for_each_node(*graph.block(), [&](torch::jit::Node& node, bool) {
    if (is_joined(node)) {
      out.push_back(&node);
    }
  });
  return out;
}

/// Has the joined convolutions of a graph, in turn, be those of the module that have these names, defers what can be,
/// and returns which of them do.
Flags defers(Graph& graph, const std::vector<std::string>& names) {
  const torch::jit::Module module = packed_convolutions();
  torch::jit::Value* self = graph.insertInput(0, "self");
  self->setType(module.type());
  const auto nodes = joined_nodes(graph);
  EXPECT_EQ(nodes.size(), names.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const torch::jit::WithInsertPoint here(nodes[i]);
    nodes[i]->replaceInput(1, graph.insertGetAttr(self, names[i]));
  }
  const std::int64_t count = defer_normalisation(module, graph);
  graph.lint();
  Flags out;
  for (const torch::jit::Node* node : nodes) {
    out.push_back(torch::jit::toIValue(joined_input(*node, kJoinedDefers))->toInt() != 0);
  }
  EXPECT_EQ(std::count(out.begin(), out.end(), true), count);
  return out;
}

/// Two layers; the first has an activation of its own.
std::shared_ptr<Graph> two_layers() {
  return joined(R"IR(
  %f : str = prim::Constant[value="leaky_relu"]()
  %a : float = prim::Constant[value=0.1]()
  %b : float = prim::Constant[value=0.2]()
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n, %f, %a, %b, %yes, %no)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  return (%y1))IR",
                2);
}

TEST(DeferNormalisation, TheConvolutionThatTakesItNormalises) {
  for (const char* first : {"dense", "depthwise", "pointwise"}) {
    const auto graph = two_layers();
    EXPECT_EQ(defers(*graph, {first, "depthwise"}), (Flags{true, false})) << first;
    const auto nodes = joined_nodes(*graph);
    const torch::jit::Node& from = *nodes[0];
    const torch::jit::Node& to = *nodes[1];
    EXPECT_EQ(to.inputs().front(), from.outputs()[0]);
    EXPECT_EQ(joined_input(to, kJoinedCenter), from.outputs()[1]);
    EXPECT_EQ(joined_input(to, kJoinedScale), from.outputs()[2]);
    EXPECT_EQ(joined_input(to, kJoinedShift), from.outputs()[3]);
    EXPECT_EQ(torch::jit::toIValue(joined_input(to, kJoinedBeforeActivation))->toStringRef(), "leaky_relu");
    EXPECT_EQ(torch::jit::toIValue(joined_input(to, kJoinedBeforeA))->toDouble(), 0.1);
    EXPECT_EQ(torch::jit::toIValue(joined_input(to, kJoinedBeforeB))->toDouble(), 0.2);
    EXPECT_EQ(torch::jit::toIValue(joined_input(to, kJoinedActivation))->toStringRef(), "clamp") << "its own";
    EXPECT_TRUE(torch::jit::toIValue(joined_input(from, kJoinedCenter))->isNone());
  }
  EXPECT_EQ(defers(*two_layers(), {"dense", "pointwise"}), (Flags{ops::has_matrix_kernels(), false}));
}

TEST(DeferNormalisation, NotToAConvolutionThatWouldTakeAPassForIt) {
  EXPECT_EQ(defers(*two_layers(), {"depthwise", "dense"}), (Flags{false, false}));
}

/// What the joined convolutions leave to others.
std::vector<ops::Defers> left(Graph& graph) {
  std::vector<ops::Defers> out;
  for (const torch::jit::Node* node : joined_nodes(graph)) {
    out.push_back(static_cast<ops::Defers>(torch::jit::toIValue(joined_input(*node, kJoinedDefers))->toInt()));
  }
  return out;
}

TEST(DeferNormalisation, AnExpansionIsLeftToTheDepthwiseConvolution) {
  using ops::Defers;
  if (!ops::has_matrix_kernels()) {
    GTEST_SKIP() << "this LibTorch has no micro-kernels for matrices";
  }
  const auto graph = two_layers();
  EXPECT_EQ(defers(*graph, {"expansion", "depthwise"}), (Flags{true, false}));
  EXPECT_EQ(left(*graph), (std::vector<Defers>{Defers::kConvolution, Defers::kNothing}));
  const auto nodes = joined_nodes(*graph);
  EXPECT_EQ(joined_input(*nodes[1], kJoinedExpansion), nodes[0]->inputs()[1]);
  EXPECT_TRUE(torch::jit::toIValue(joined_input(*nodes[0], kJoinedExpansion))->isNone());
  // Not to another 1x1 convolution, and not where it has as many channels as it takes.
  const auto pointwise = two_layers();
  defers(*pointwise, {"expansion", "pointwise"});
  EXPECT_EQ(left(*pointwise)[0], Defers::kNormalisation);
  const auto as_many = two_layers();
  defers(*as_many, {"pointwise", "depthwise"});
  EXPECT_EQ(left(*as_many)[0], Defers::kNormalisation);
}

/// A bottleneck's end: a site with a residual, whose output the next convolution takes, and others after it.
std::shared_ptr<Graph> residual_taken_twice(const std::string& between = "") {
  return joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%r;)
)IR" + between + R"IR(
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  %c2 : Tensor = ttscale::convolution(%y1, %p)
  %y2 : Tensor = site(%c2|%y0;)
  return (%y2))IR",
                3);
}

TEST(DeferNormalisation, APointwiseConvolutionFinishesWhatOthersTakeLater) {
  const bool can = ops::has_matrix_kernels();
  const auto graph = residual_taken_twice();
  EXPECT_EQ(defers(*graph, {"dense", "pointwise", "dense"}), (Flags{can, false, false}));
  const auto nodes = joined_nodes(*graph);
  EXPECT_EQ(torch::jit::toIValue(joined_input(*nodes[1], kJoinedFinishes))->toBool(), can);
  EXPECT_EQ(joined_input(*nodes[2], kJoinedResidual),
            can ? nodes[1]->outputs()[kJoinedFinishedX] : nodes[0]->outputs()[0]);
  if (can) {
    EXPECT_EQ(joined_input(*nodes[1], kJoinedBeforeResidual), joined_input(*nodes[0], kJoinedResidual));
    EXPECT_EQ(nodes[0]->outputs()[0]->uses().size(), 1U);
  }
}

TEST(DeferNormalisation, OnlyTheFirstToTakeItFinishesIt) {
  // Others do not, and not past other work.
  EXPECT_EQ(defers(*residual_taken_twice(), {"dense", "depthwise", "dense"}), (Flags{false, false, false}));
  EXPECT_EQ(defers(*residual_taken_twice("  %q : Tensor = aten::relu_(%r)\n"), {"dense", "pointwise", "dense"}),
            (Flags{false, false, false}));
  EXPECT_EQ(defers(*residual_taken_twice("  %q : Tensor = aten::tanh(%y0)\n"), {"dense", "pointwise", "dense"}),
            (Flags{false, false, false}));
  // What the model returns is finished by whoever makes it.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%r;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  return (%y1, %y0))IR",
                           2),
                   {"dense", "pointwise"}),
            (Flags{false, false}));
}

TEST(DeferNormalisation, AnExpansionIsNotMovedPastOtherWork) {
  // It may write what the expansion takes.
  const auto graph = joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %q : Tensor = aten::relu_(%x)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  return (%y1, %q))IR",
                            2);
  defers(*graph, {"expansion", "depthwise"});
  EXPECT_EQ(left(*graph)[0], ops::Defers::kNormalisation);
}

TEST(DeferNormalisation, GoesOnFromLayerToLayer) {
  const auto graph = joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  %c2 : Tensor = ttscale::convolution(%y1, %p)
  %y2 : Tensor = site(%c2|%n;)
  %c3 : Tensor = ttscale::convolution(%y2, %p)
  %y3 : Tensor = site(%c3|%n;)
  return (%y3))IR",
                            4);
  EXPECT_EQ(defers(*graph, {"dense", "depthwise", "depthwise", "dense"}), (Flags{true, true, false, false}));
}

TEST(DeferNormalisation, AResidualIsAddedToWhatIsFinished) {
  // The first has a residual itself, and the second does not finish it.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%r;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  return (%y1))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{false, false}));
  // It is the residual of the second.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%x, %p)
  %y1 : Tensor = site(%c1|%y0;)
  return (%y1))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{false, false}));
  // It is both the second's images and its residual.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%y0;)
  return (%y1))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{false, false}));
  // A residual of the second that comes from elsewhere is no hindrance.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%r;)
  return (%y1))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{true, false}));
}

TEST(DeferNormalisation, NotIntoABranch) {
  // Where it is not taken, the first would have been finished by nobody.
  const auto branch = [](const std::string& other) {
    return joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %z : Tensor = prim::If(%yes)
    block0():
      %c1 : Tensor = ttscale::convolution(%y0, %p)
      %y1 : Tensor = site(%c1|%n;)
      -> (%y1)
    block1():
      -> (%)IR" + other +
                      R"IR()
  return (%z))IR",
                  2);
  };
  EXPECT_EQ(defers(*branch("x"), {"depthwise", "depthwise"}), (Flags{false, false}));
  EXPECT_EQ(defers(*branch("y0"), {"depthwise", "pointwise"}), (Flags{false, false}));
}

TEST(DeferNormalisation, ValuesThatOthersTakeAreFinished) {
  // Two convolutions.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  %c2 : Tensor = ttscale::convolution(%y0, %p)
  %y2 : Tensor = site(%c2|%n;)
  return (%y1, %y2))IR",
                           3),
                   {"depthwise", "depthwise", "depthwise"}),
            (Flags{false, false, false}));
  // The caller.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %c1 : Tensor = ttscale::convolution(%y0, %p)
  %y1 : Tensor = site(%c1|%n;)
  return (%y1, %y0))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{false, false}));
  // Another operator, or a convolution without a site.
  EXPECT_EQ(defers(*joined(R"IR(
  %c0 : Tensor = ttscale::convolution(%x, %p)
  %y0 : Tensor = site(%c0|%n;)
  %q : Tensor = aten::tanh(%y0)
  %c1 : Tensor = ttscale::convolution(%q, %p)
  %y1 : Tensor = site(%c1|%n;)
  %c2 : Tensor = ttscale::convolution(%y1, %p)
  return (%c2))IR",
                           2),
                   {"depthwise", "depthwise"}),
            (Flags{false, false}));
}

}  // namespace
}  // namespace ttscale::graph
