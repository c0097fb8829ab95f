// SPDX-License-Identifier: MIT
// Result files are complete or not there, and what goes wrong is said in one line.
#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "folder_test.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::ThrowsMessage;

namespace fs = std::filesystem;
using testing::FolderTest;
using testing::read_file;

class FileTest : public FolderTest {
 protected:
  static void expect_failure(const fs::path& file, const std::string& reason) {
    const auto matcher = AllOf(HasSubstr(file.string()), HasSubstr(reason), Not(HasSubstr("\n")));
    EXPECT_THAT([&] { write_file(file, "new"); }, ThrowsMessage<Error>(matcher));
  }
};

TEST_F(FileTest, WritesNothingButTheFile) {
  write_file(folder / "results.json", "one\n");
  write_file(folder / "results.json", "two\n");
  EXPECT_EQ(read_file(folder / "results.json"), "two\n");
  EXPECT_THAT(names(), ElementsAre("results.json"));
}

TEST_F(FileTest, KeepsPermissionsAndFollowsLinks) {
  fs::create_directory(folder / "deep");
  write_file(folder / "deep/real.json", "old");
  fs::permissions(folder / "deep/real.json", fs::perms(0640));
  fs::create_symlink("deep/real.json", folder / "link.json");
  write_file(folder / "link.json", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link.json"));
  EXPECT_EQ(read_file(folder / "deep/real.json"), "new");
  EXPECT_EQ(fs::status(folder / "deep/real.json").permissions(), fs::perms(0640));
}

TEST_F(FileTest, PipesAreWrittenTo) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const fs::path name = "/dev/fd/" + std::to_string(ends[1]);
  check_writable(name);
  write_file(name, "results");
  char text[7];
  EXPECT_EQ(::read(ends[0], text, sizeof text), 7);
  EXPECT_EQ(std::string(text, sizeof text), "results");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(FileTest, StreamThatIsAFileIsAppendedToAndNotReplaced) {
  const int descriptor = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::write(descriptor, "table\n", 6), 6);
  write_file("/proc/self/fd/" + std::to_string(descriptor), "results\n");
  ::close(descriptor);
  EXPECT_EQ(read_file(folder / "log"), "table\nresults\n");
}

TEST_F(FileTest, TakesARelativeName) {
  const fs::path before = fs::current_path();
  fs::current_path(folder);
  write_file("here.csv", "x");
  fs::current_path(before);
  EXPECT_THAT(names(), ElementsAre("here.csv"));
}

TEST_F(FileTest, MissingFolderIsAnErrorWithItsReason) {
  expect_failure(folder / "none/results.json", "No such file or directory");
}

TEST_F(FileTest, FolderInPlaceOfAFileIsAnError) {
  expect_failure(folder, "Is a directory");
  expect_failure(folder / "", "Is a directory");
}

TEST_F(FileTest, FileInPlaceOfAFolderIsAnError) {
  write_file(folder / "file", "x");
  expect_failure(folder / "file/results.json", "Not a directory");
}

TEST_F(FileTest, FullDiskIsAnErrorOfExitCodeOne) {
  expect_failure("/dev/full", "No space left on device");
  try {
    write_file("/dev/full", "new");
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
  }
  EXPECT_TRUE(fs::is_character_file("/dev/full")) << "a device must never be replaced";
}

TEST_F(FileTest, UnwritableFolderIsAnErrorAndLeavesTheOldFile) {
  write_file(folder / "results.json", "old");
  fs::permissions(folder, fs::perms(0555));
  const bool root = ::geteuid() == 0;  // root may write everywhere: be someone else for a while
  ASSERT_TRUE(!root || ::seteuid(65534) == 0);
  expect_failure(folder / "new.json", "Permission denied");
  expect_failure(folder / "results.json", "Permission denied");
  ASSERT_TRUE(!root || ::seteuid(0) == 0);
  fs::permissions(folder, fs::perms(0755));
  EXPECT_EQ(read_file(folder / "results.json"), "old");
}

TEST_F(FileTest, FailedRenameLeavesNothingBehind) {
  // A name that fits a folder, but not with the characters of the temporary around it.
  const fs::path file = folder / std::string(250, 'n');
  EXPECT_THROW(write_file(file, "x"), Error);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(FileTest, CheckLeavesNoTraceAndKeepsTheContent) {
  check_writable(folder / "results.json");
  EXPECT_THAT(names(), IsEmpty());
  write_file(folder / "results.json", "old");
  check_writable(folder / "results.json");
  EXPECT_EQ(read_file(folder / "results.json"), "old");
  check_writable("/dev/null");
}

TEST_F(FileTest, DevicesAreNotReadAsFiles) {
  for (const fs::path& file : {fs::path("/dev/zero"), fs::path("/dev/null")}) {
    EXPECT_THAT([&] { refuse_device("resume", file); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("resume: expected a file, found a device"),
                                               HasSubstr(file.string()), Not(HasSubstr("\n")))));
  }
}

TEST_F(FileTest, FilesPipesFoldersAndWhatIsNotThereAreLeftToTheReader) {
  write_file(folder / "file", "x");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("file", folder / "link");
  for (const fs::path& file :
       {folder / "file", folder / "link", folder / "pipe", folder, folder / "none", fs::path()}) {
    EXPECT_NO_THROW(refuse_device("resume", file)) << file;
  }
}

TEST_F(FileTest, CheckFailsBeforeTheWork) {
  EXPECT_THAT([&] { check_writable(folder / "none/r.json"); }, ThrowsMessage<Error>(HasSubstr("none/r.json")));
  EXPECT_THROW(check_writable(folder), Error);
  EXPECT_THROW(check_writable(""), Error);
}

/// Writes two contents in turn until it is killed.
[[noreturn]] void write_for_ever(const fs::path& file, const std::string& one, const std::string& other) {
  for (;;) {
    write_file(file, one);
    write_file(file, other);
  }
}

TEST_F(FileTest, KilledAtAnyMomentItIsTheOldOrTheNew) {
  const std::string one(300'000, 'a');
  const std::string other(200'000, 'b');
  const fs::path file = folder / "camera.state";
  write_file(file, one);
  int seen_other = 0;
  // Later and later, until a write was finished: on a busy disk one takes its time.
  for (int kill_after = 0; kill_after < 40 || (seen_other == 0 && kill_after < 400); ++kill_after) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      write_for_ever(file, one, other);
    }
    ::usleep(static_cast<useconds_t>(1000 + 397 * kill_after));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer must not end by itself";
    const std::string content = read_file(file);
    ASSERT_TRUE(content == one || content == other) << kill_after << ": " << content.size() << " bytes";
    seen_other += content == other ? 1 : 0;
  }
  EXPECT_GT(seen_other, 0) << "no write was ever finished: the test shows nothing";
}

}  // namespace
}  // namespace ttscale
