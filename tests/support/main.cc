// Runs all tests, then says which were skipped and why: nothing is left out silently.
#include <gtest/gtest.h>

#include <cstdio>

namespace {

class SkipPrinter : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (part.skipped()) std::printf("skipped: %s\n", part.summary());
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new SkipPrinter);
  return RUN_ALL_TESTS();
}
