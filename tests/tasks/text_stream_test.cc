#include "tasks/text_stream.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(TextStream, EmitsWholeCharactersOnly) {
  TextStream stream({});
  EXPECT_EQ(stream.push("a\xe2\x82"), "a");
  EXPECT_EQ(stream.push("\xac"), "\xe2\x82\xac");
  EXPECT_EQ(stream.push("\xf0\x9f\x98"), "");
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
}

TEST(TextStream, InvalidBytesPassThrough) {
  TextStream stream({});
  EXPECT_EQ(stream.push("\x80\x80\x80\x80"), "\x80\x80\x80\x80");
  EXPECT_EQ(whole_utf8("\xff"), 1u);  // starts no character, so nothing is awaited
}

TEST(TextStream, FindsStopStringsAcrossPieces) {
  TextStream stream({"END", "\n\n"});
  EXPECT_EQ(stream.push("one E"), "one ");
  EXPECT_EQ(stream.push("N"), "");
  EXPECT_EQ(stream.push("ough\n"), "ENough");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("two E"), "\ntwo ");
  EXPECT_EQ(stream.push("ND three"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("more"), "");
}

TEST(TextStream, TheEarliestStopWinsAndEmptyOnesAreIgnored) {
  TextStream stream({"", "bc", "b"});
  EXPECT_EQ(stream.push("abc"), "a");
  EXPECT_TRUE(stream.stopped());
}

TEST(TextStream, HeldBackTextComesOutAtTheEnd) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.push("a STO"), "a ");
  EXPECT_EQ(stream.finish(), "STO");
}

}  // namespace
}  // namespace hearth
