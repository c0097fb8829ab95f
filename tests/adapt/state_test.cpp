// SPDX-License-Identifier: MIT
// Statistics saved by one stream and taken up by another.
#include <gmock/gmock.h>

#include <fstream>

#include "adapt/with_rule.h"
#include "archives.h"
#include "folder_test.h"
#include "ttscale/adapter.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;
using testing::load_archive;
using testing::with;

class StateFileTest : public testing::FolderTest {
 protected:
  const at::Tensor x_ = golden("net.scripted", "input");
  const AdaptedModel model_ = adapt(load_archive("net.scripted"), with("ema"));

  std::filesystem::path saved() const {
    Stream stream = model_.stream();
    stream.forward(x_);
    stream.save(folder / "camera.state");
    return folder / "camera.state";
  }

  /// What loading the file into the stream says; the stream must be what it was.
  std::string refusal(Stream stream, const std::filesystem::path& file) const {
    stream.forward(x_ * 2);
    const StreamReport before = stream.report();
    std::string message = "accepted";
    try {
      stream.load(file);
    } catch (const DataError& error) {
      message = error.what();
    }
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_TRUE(stream.report().sites[0].used_mean.equal(before.sites[0].used_mean));
    EXPECT_EQ(stream.report().images, before.images);
    return message;
  }
};

TEST_F(StateFileTest, AnotherStreamGoesOnFromIt) {
  const auto file = saved();
  EXPECT_THAT(names(), ElementsAre("camera.state"));
  Stream original = model_.stream();
  original.forward(x_);
  // A module loaded a second time has other type names: the file must fit all the same.
  Stream other = adapt(load_archive("net.scripted"), with("ema")).stream();
  other.load(file);
  EXPECT_EQ(other.report().images, x_.size(0));
  EXPECT_TRUE(other.forward(x_ + 1).equal(original.forward(x_ + 1)));
}

TEST_F(StateFileTest, IsRefusedWhereItDoesNotBelong) {
  const auto file = saved();
  EXPECT_THAT(refusal(model_.stream(parse_rule("ema:momentum=0.2")), file),
              AllOf(HasSubstr("another rule"), HasSubstr("expected ema:momentum=0.2, found ema")));
  EXPECT_THAT(refusal(adapt(load_archive("net.pooled"), with("ema")).stream(), file),
              HasSubstr("another set of layers"));
  EXPECT_THAT(refusal(adapt(load_archive("net.plain"), with("ema")).stream(), file), HasSubstr("another model"));
  AdaptOptions some = with("ema");
  some.skip_layers = {"bn2"};
  EXPECT_THAT(refusal(adapt(load_archive("net.scripted"), some).stream(), file), HasSubstr("another set of layers"));
}

TEST_F(StateFileTest, IsRefusedWhenDamaged) {
  const std::string bytes = testing::read_file(saved());
  const auto damaged = folder / "damaged.state";
  const auto write = [&](const std::string& content) { std::ofstream(damaged, std::ios::binary) << content; };
  for (const std::size_t length : {std::size_t{0}, std::size_t{10}, bytes.size() / 2, bytes.size() - 1}) {
    write(bytes.substr(0, length));
    EXPECT_THAT(refusal(model_.stream(), damaged), HasSubstr("damaged.state is")) << length;
  }
  write("this is no state");
  EXPECT_THAT(refusal(model_.stream(), damaged), HasSubstr("state file"));
  EXPECT_THAT(refusal(model_.stream(), folder / "missing.state"), HasSubstr("cannot read"));
  EXPECT_THAT(refusal(model_.stream(), testing::archive_path("net.scripted")), HasSubstr("no state file"));
}

TEST_F(StateFileTest, WhatCannotBeWrittenIsSaid) {
  Stream stream = model_.stream();
  EXPECT_THROW(stream.save(folder / "none" / "camera.state"), Error);
  EXPECT_THROW(stream.save("/dev/full"), Error);
  EXPECT_THROW(stream.load("/dev/zero"), DataError) << "which has no end";
  EXPECT_THAT(names(), ElementsAre());
}

}  // namespace
}  // namespace ttscale
