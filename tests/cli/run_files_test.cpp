// SPDX-License-Identifier: MIT
// What is written never replaces what is read, nor another result; and what is read has an end.
#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"

namespace ttscale::testing {
namespace {

class RunFilesTest : public ProgramTest {
 protected:
  [[nodiscard]] std::string at(const std::string& name) const { return path(name).string(); }
  [[nodiscard]] static Outcome run(std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome eval(const std::vector<std::string>& more) const {
    return run({"eval", model(), "--data", images(), "--rule", "ema", "--batch-size", "4"}, more);
  }
  [[nodiscard]] Outcome calibrate(const std::vector<std::string>& more) const {
    return run({"calibrate", model(), "--data", images()}, more);
  }
  [[nodiscard]] Outcome adapt(const std::vector<std::string>& more) const {
    return run({"adapt", model(), "--data", images(), "--rule", "ema"}, more);
  }
  /// The run is refused because of that file, which stays as it was.
  template <typename Run>
  void expect_kept(const std::string& file, Run run_it, std::initializer_list<std::string> fragments) const {
    const std::string before = read_file(file);
    expect_failure(run_it(), 2, fragments);
    EXPECT_EQ(read_file(file), before);
  }
};

TEST_F(RunFilesTest, TheModelIsNotReplacedWhateverItIsCalled) {
  fs::create_symlink(model(), path("link.pt"));
  fs::create_hard_link(model(), path("twin.pt"));
  for (const std::string& name : {model(), at("images/../model.pt"), at("link.pt"), at("twin.pt")}) {
    expect_kept(model(),
                [&] {
                  return calibrate({"--out", name});
                },
                {"--out: expected a file of its own", name, "which is also the model"});
  }
}

TEST_F(RunFilesTest, ResultsAreNotTakenForTheDescriptionOfTheModel) {
  fs::copy_file(model(), path("net.pt"));
  expect_failure(run({"eval", at("net.pt"), "--data", images(), "--results-file"}, {at("net.json")}), 2,
                 {"--results-file", "net.json", "where the description of the model is looked for"});
  EXPECT_FALSE(fs::exists(path("net.json")));
}

TEST_F(RunFilesTest, NoCommandReplacesTheModel) {
  for (const char* flag : {"--results-file", "--html", "--predictions", "--state-out", "--resume", "--export-order"}) {
    expect_kept(model(), [&] { return eval({flag, model()}); }, {flag, "the model"});
  }
  expect_kept(model(), [&] { return adapt({"--out", model()}); }, {"--out", "the model"});
  expect_kept(model(), [&] { return run({"bench", model(), "--json"}, {model()}); }, {"--json", "the model"});
  expect_kept(model(),
              [&] {
                return run({"preprocess", at("images/a/0.ppm"), "--model", model(), "--dump"}, {model()});
              },
              {"--dump", "the model"});
}

TEST_F(RunFilesTest, WhatIsReadBesideTheModelIsNotReplaced) {
  write_file(path("model.json"), R"({"mean": [0.5, 0.5, 0.5]})");
  write_file(path("map.txt"), "a\nb\nc\n");
  write_file(path("list.txt"), at("images/a/0.ppm") + '\n');
  write_file(path("a.reference"), "reference");
  const auto expect_refused = [&](const std::string& file, const std::vector<std::string>& more, const char* as) {
    expect_kept(file, [&] { return eval(more); }, {"expected a file of its own", file, as});
  };
  expect_refused(at("model.json"), {"--results-file", at("model.json")}, "the description of the model");
  expect_refused(at("map.txt"), {"--class-map", at("map.txt"), "--html", at("map.txt")}, "--class-map");
  expect_refused(at("list.txt"), {"--order", "file:" + at("list.txt"), "--predictions", at("list.txt")}, "--order");
  expect_refused(at("list.txt"), {"--protocol", "replay:" + at("list.txt"), "--export-order", at("list.txt")},
                 "--protocol");
  expect_refused(at("a.reference"), {"--reference", at("a.reference"), "--state-out", at("a.reference")},
                 "--reference");
  expect_kept(at("images/a/0.ppm"),
              [&] {
                return run({"preprocess", at("images/a/0.ppm"), "--dump"}, {at("images/a/0.ppm")});
              },
              {"--dump", "the image"});
}

TEST_F(RunFilesTest, ResultsDoNotReplaceEachOther) {
  const fs::path before = fs::current_path();
  fs::current_path(path("."));  // neither name is there yet
  const Outcome outcome = eval({"--results-file", "same", "--html", "./same"});
  fs::current_path(before);
  expect_failure(outcome, 2, {"--html: expected a file of its own, found ./same, which is also --results-file"});
  expect_failure(eval({"--results-file", at("same"), "--predictions", at("same")}), 2, {"--predictions"});
  expect_failure(eval({"--resume", at("same"), "--html", at("same")}), 2, {"--html", "--resume"});
  expect_failure(adapt({"--out", at("same"), "--state-out", at("same")}), 2, {"--state-out", "--out"});
  EXPECT_FALSE(fs::exists(path("same")));
  write_file(path("shard.json"), "{}");
  expect_kept(at("shard.json"),
              [&] {
                return run({"merge", at("shard.json"), "--results-file"}, {at("shard.json")});
              },
              {"--results-file", "a shard"});
}

TEST_F(RunFilesTest, ImagesOfTheDataAreNotReplaced) {
  const std::string image = at("images/a/0.ppm");
  expect_kept(image,
              [&] {
                return eval({"--results-file", image});
              },
              {"--results-file", image, "an image of the data"});
  expect_kept(image, [&] { return calibrate({"--out", image}); }, {"--out", image, "an image of the data"});
  // A class folder may be a link, which is followed when images are read.
  fs::create_directory(path("linked"));
  fs::create_directory_symlink(path("images/a"), path("linked/a"));
  for (const char* data : {"linked", "linked/", "linked/."}) {
    expect_failure(run({"calibrate", model(), "--data", at(data)}, {"--out", at("linked/a/0.ppm")}), 2,
                   {"--out", "an image of the data"});
  }
  // Results may lie beside the images, and be written anew.
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(eval({"--results-file", at("images/results.json")}).exit_code, 0);
  }
}

TEST_F(RunFilesTest, FilesThatRunsGoOnWithAreReadAndWritten) {
  const std::vector<std::string> journal{"--resume", at("journal")};
  EXPECT_EQ(eval(journal).exit_code, 0);
  EXPECT_EQ(eval(journal).exit_code, 0);
  ASSERT_EQ(eval({"--state-out", at("s")}).exit_code, 0);
  EXPECT_EQ(eval({"--state-in", at("s"), "--state-out", at("s")}).exit_code, 0);
  ASSERT_EQ(adapt({"--out", at("out.pt"), "--state-out", at("t")}).exit_code, 0);
  const Outcome outcome = adapt({"--out", at("out.pt"), "--state-in", at("t"), "--state-out", at("t")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(RunFilesTest, DevicesAndStreamsTakeAnyNumberOfResults) {
  for (const char* name : {"/dev/null", "/dev/stdout"}) {
    const Outcome outcome = eval({"--results-file", name, "--html", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

TEST_F(RunFilesTest, WhatHasNoEndIsNotRead) {
  for (const char* name : {"/dev/zero", "/dev/full"}) {
    for (const char* flag : {"--reference", "--state-in", "--resume"}) {
      expect_failure(eval({flag, name}), 3, {std::string(flag) + ": expected a file, found a device: " + name});
    }
  }
  expect_failure(adapt({"--out", at("o"), "--reference", "/dev/zero"}), 3, {"--reference", "found a device"});
  expect_failure(adapt({"--out", at("o"), "--state-in", "/dev/zero"}), 3, {"--state-in", "found a device"});
  expect_failure(run({"bench", model()}, {"--reference", "/dev/zero"}), 3, {"--reference", "found a device"});
  expect_failure(eval({"--resume", "/dev/null"}), 3, {"--resume", "/dev/null"});
  expect_failure(eval({"--class-map", "/dev/zero"}), 3, {"found none at /dev/zero; check --class-map"});
  expect_failure(run({"merge"}, {"/dev/zero"}), 3, {"/dev/zero", "found a device"});
}

}  // namespace
}  // namespace ttscale::testing
