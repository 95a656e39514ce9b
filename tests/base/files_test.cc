#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hearth {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / "hearth-files-test";
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(Files, WriteIsAllOrNothing) {
  fs::path path = dir_ / "out.bin";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half a fi"));
    EXPECT_FALSE(fs::exists(path));
  }  // dropped without commit
  EXPECT_TRUE(fs::is_empty(dir_));
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file->write("whole"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(*read_file(path), "whole");
}

TEST_F(Files, AKilledProcessLeavesNothing) {
  const int probe = ::open(dir_.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (probe < 0) GTEST_SKIP() << "this file system has no files without names";
  ::close(probe);
  const pid_t child = ::fork();
  if (child == 0) {
    auto file = AtomicFile::create(dir_ / "big");
    if (!file || !file->write(std::string(1 << 20, 'x'))) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(Files, ErrorsNameTheFile) {
  auto missing = MappedFile::open(dir_ / "no-such-file");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::bad_input);
  EXPECT_NE(missing.error().message.find("no-such-file"), std::string::npos);
  EXPECT_FALSE(MappedFile::open(dir_));
  auto file = AtomicFile::create(dir_ / "big");
  ASSERT_TRUE(file->write("123456789"));
  ASSERT_TRUE(file->commit());
  EXPECT_FALSE(read_file(dir_ / "big", 8));
}

TEST_F(Files, AnEmptyFileIsAFile) {
  ASSERT_TRUE(AtomicFile::create(dir_ / "empty")->commit());
  auto file = MappedFile::open(dir_ / "empty");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->bytes().size(), 0u);
}

}  // namespace
}  // namespace hearth
