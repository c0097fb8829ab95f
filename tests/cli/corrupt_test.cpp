// SPDX-License-Identifier: MIT
// `ttscale corrupt`: trees of shifted copies. That the pixels are right: tests/shift.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <system_error>
#include <thread>
#include <vector>

#include "cli/fixtures.h"
#include "cli/matchers.h"
#include "cli/program.h"

namespace ttscale::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

using Tree = std::map<std::string, std::string>;

std::vector<fs::path> files_below(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) {
      const auto inner = files_below(entry.path());
      files.insert(files.end(), inner.begin(), inner.end());
    } else {
      files.push_back(entry.path());
    }
  }
  return files;
}

class CorruptTest : public ProgramTest {
 protected:
  [[nodiscard]] Outcome corrupt(const std::string& target, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"corrupt", images(), path(target).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  [[nodiscard]] Outcome corrupt_two(const std::string& target, std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--kinds", "gaussian_noise,glass_blur", "--severities", "2,4"});
    return corrupt(target, more);
  }

  /// Every file below a folder, hidden ones too, with its content.
  [[nodiscard]] Tree tree(const std::string& target) const {
    Tree files;
    for (const fs::path& file : files_below(path(target))) {
      files[file.lexically_relative(path(target)).generic_string()] = read_file(file);
    }
    return files;
  }
};

TEST_F(CorruptTest, WritesAFolderAKindAndSeverityWithTheNamesOfTheSource) {
  write_file(path("images/a/deep/er/x.y.ppm"), ppm(99));
  const Outcome outcome = corrupt_two("out");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("52 images written, 0 were there, 0 left out"));
  const Tree files = tree("out");
  EXPECT_THAT(files, SizeIs(4 * 13 + 1));
  EXPECT_THAT(files, Contains(Key("gaussian_noise/2/a/0.png")));
  EXPECT_THAT(files, Contains(Key("glass_blur/4/a/deep/er/x.y.png")));
  EXPECT_NE(files.at("gaussian_noise/2/a/0.png"), files.at("gaussian_noise/4/a/0.png"));
}

TEST_F(CorruptTest, EvalReadsTheTree) {
  ASSERT_EQ(corrupt_two("out").exit_code, 0);
  const Outcome outcome = run_program({"eval", model(), "--data", path("out").string(), "--rule", "source"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* domain : {"gaussian_noise/2", "gaussian_noise/4", "glass_blur/2", "glass_blur/4"}) {
    EXPECT_THAT(outcome.out, HasSubstr(domain));
  }
}

TEST_F(CorruptTest, FilesDoNotDependOnThreads) {
  ASSERT_EQ(corrupt_two("one", {"--workers", "1"}).exit_code, 0);
  ASSERT_EQ(corrupt_two("eight", {"--workers", "8"}).exit_code, 0);
  EXPECT_EQ(tree("one"), tree("eight"));
}

TEST_F(CorruptTest, FilesDoNotDependOnWhatElseIsMade) {
  ASSERT_EQ(corrupt_two("all").exit_code, 0);
  ASSERT_EQ(corrupt("part", {"--kinds", "glass_blur", "--severities", "4"}).exit_code, 0);
  EXPECT_EQ(tree("all").at("glass_blur/4/b/1.png"), tree("part").at("glass_blur/4/b/1.png"));
}

TEST_F(CorruptTest, SeedParametersAndSizeDecideAboutPixels) {
  ASSERT_EQ(corrupt_two("plain").exit_code, 0);
  const std::vector<std::vector<std::string>> others{
      {"--seed", "1"}, {"--parameters", "cifar"}, {"--img-size", "6"}, {"--format", "jpeg"}};
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::string target = "other" + std::to_string(i);
    ASSERT_EQ(corrupt_two(target, others[i]).exit_code, 0);
    const std::string file = others[i].back() == "jpeg" ? "glass_blur/4/a/0.jpg" : "glass_blur/4/a/0.png";
    EXPECT_NE(tree(target).at(file), tree("plain").at("glass_blur/4/a/0.png"));
  }
}

TEST_F(CorruptTest, SecondRunWritesWhatIsMissingAlone) {
  ASSERT_EQ(corrupt_two("out").exit_code, 0);
  const Tree before = tree("out");
  fs::remove(path("out/glass_blur/4/b/1.png"));
  write_file(path("out/glass_blur/4/b/2.png"), "kept as it is");
  const Outcome outcome = corrupt_two("out");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 images written, 47 were there"));
  Tree after = tree("out");
  EXPECT_EQ(after.at("glass_blur/4/b/2.png"), "kept as it is");
  after["glass_blur/4/b/2.png"] = before.at("glass_blur/4/b/2.png");
  EXPECT_EQ(after, before);
  ASSERT_EQ(corrupt("out", {"--kinds", "contrast", "--severities", "1"}).exit_code, 0);  // more kinds may follow
}

/// Starts the program, sends it a signal when `folder` holds some files more, and returns its exit status.
int run_and_signal(const std::vector<std::string>& arguments, int signal, const fs::path& folder) {
  const std::size_t enough = files_below(folder).size() + 20;
  const pid_t child = fork();
  if (child == 0) {
    std::vector<char*> argv{const_cast<char*>(TTSCALE_PROGRAM)};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    execv(TTSCALE_PROGRAM, argv.data());
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (files_below(folder).size() >= enough) {
      kill(child, signal);
      waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(CorruptTest, InterruptedRunGoesOnToTheSameTree) {
  const std::vector<std::string> flags{"--kinds", "glass_blur,elastic_transform,zoom_blur", "--img-size", "160", "-q"};
  ASSERT_EQ(corrupt("whole", flags).exit_code, 0);
  const Tree whole = tree("whole");
  for (const int signal : {SIGINT, SIGKILL}) {
    const fs::path parts = path("parts" + std::to_string(signal));
    std::vector<std::string> arguments{"corrupt", images(), parts.string()};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    for (int attempt = 0; attempt < 3; ++attempt) {
      EXPECT_EQ(run_and_signal(arguments, signal, parts), 128 + signal);
    }
    const Outcome outcome = run_program(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(tree(parts.filename().string()), whole);
  }
}

TEST_F(CorruptTest, TargetMadeWithOtherOptionsIsRefused) {
  ASSERT_EQ(corrupt_two("out").exit_code, 0);
  const Tree before = tree("out");
  expect_failure(corrupt_two("out", {"--seed", "7"}), 3, {"made with seed 7, found 0", path("out").string()});
  expect_failure(corrupt_two("out", {"--parameters", "cifar"}), 3, {"parameters cifar, found imagenet"});
  expect_failure(corrupt_two("out", {"--format", "jpeg"}), 3, {"format jpeg of quality 85, found png"});
  expect_failure(corrupt_two("out", {"--img-size", "6"}), 3, {"size 6x6, crop-pct 0.875, center, bilinear"});
  EXPECT_EQ(tree("out"), before);
  write_file(path("out/.ttscale-corrupt.json"), "[1");
  expect_failure(corrupt_two("out"), 3, {".ttscale-corrupt.json", "JSON"});
}

TEST_F(CorruptTest, FoldersOfUnknownOriginAreRefused) {
  write_file(path("out/glass_blur/4/a/0.png"), "someone else's");
  expect_failure(corrupt_two("out"), 3, {path("out/glass_blur").string(), "no .ttscale-corrupt.json"});
  EXPECT_THAT(tree("out"), SizeIs(1));
}

TEST_F(CorruptTest, NamesThatDifferInTheirExtensionOnlyAreRefused) {
  write_file(path("images/a/0.png"), png_bomb());
  expect_failure(corrupt_two("out"), 3, {"a/0.png", "a/0.ppm", "rename"});
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(CorruptTest, TargetInsideTheSourceIsRefused) {
  expect_failure(corrupt("images/out"), 2, {"outside the source"});
  expect_failure(corrupt("images"), 2, {"outside the source"});
  const fs::path before = fs::current_path();
  fs::current_path(images());
  const Outcome relative = run_program({"corrupt", ".", "out"});
  fs::current_path(before);
  expect_failure(relative, 2, {"outside the source"});
  ASSERT_EQ(run_program({"corrupt", images(), path(".").string(), "--kinds", "contrast"}).exit_code, 0);  // beside it
}

TEST_F(CorruptTest, UnreadableImageStopsOrIsLeftOut) {
  write_file(path("images/b/broken.png"), "this is no image");
  expect_failure(corrupt_two("stop"), 3, {"broken.png"});
  const Outcome outcome = corrupt_two("skip", {"--on-error", "skip"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("broken.png"));
  EXPECT_THAT(outcome.out, HasSubstr("48 images written, 0 were there, 1 left out"));
  for (const auto& [name, content] : tree("stop")) {
    EXPECT_THAT(name, Not(HasSubstr("broken")));
    EXPECT_THAT(name, Not(HasSubstr(".tmp")));
    EXPECT_FALSE(content.empty());
  }
}

TEST_F(CorruptTest, NothingButUnreadableImagesIsAnError) {
  fs::remove_all(path("images"));
  write_file(path("images/b/broken.png"), "this is no image");
  expect_failure(corrupt_two("out", {"--on-error", "skip"}), 3, {"images that can be read"});
}

TEST_F(CorruptTest, SourceThatIsNotThereOrEmpty) {
  fs::remove_all(path("images"));
  expect_failure(corrupt_two("out"), 3, {images()});
  fs::create_directories(path("images/a"));
  expect_failure(corrupt_two("out"), 3, {images(), "no images"});
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(CorruptTest, TargetThatCannotBeWritten) {
  write_file(path("file"), "");
  expect_failure(corrupt_two("file/out"), 1, {path("file/out").string(), "Not a directory"});
}

TEST_F(CorruptTest, FlagsThatCannotBeUsed) {
  expect_failure(corrupt("out", {"--kinds", "mist"}), 2, {"'mist'", "gaussian_noise", "imagenet-c"});
  expect_failure(corrupt("out", {"--severities", "0"}), 2, {"1 to 5", "found 0"});
  expect_failure(corrupt("out", {"--parameters", "tiny"}), 2, {"--parameters", "'tiny'"});
  expect_failure(corrupt("out", {"--format", "gif"}), 2, {"--format", "'gif'"});
  expect_failure(corrupt("out", {"--quality", "50"}), 2, {"--quality", "--format jpeg"});
  expect_failure(corrupt("out", {"--format", "jpeg", "--quality", "0"}), 2, {"--quality", "found 0"});
  expect_failure(corrupt("out", {"--workers", "0"}), 2, {"--workers: expected 1 to 1024, found 0"});
  expect_failure(corrupt("out", {"--workers", "5000"}), 2, {"--workers: expected 1 to 1024, found 5000"});
  expect_failure(corrupt("out", {"--max-pixels", "0"}), 2, {"--max-pixels", "found 0"});
  expect_failure(corrupt("out", {"--crop-pct", "1"}), 2, {"--crop-pct needs --img-size"});
  expect_failure(run_program({"corrupt", images()}), 2, {"target"});
  EXPECT_FALSE(fs::exists(path("out")));
}

}  // namespace
}  // namespace ttscale::testing
