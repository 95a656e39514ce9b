#include "base/hash.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Hash, PublishedVectors) {
  auto bytes = std::as_bytes(std::span("123456789", 9));
  EXPECT_EQ(crc32(bytes), 0xcbf43926u);
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span("abc", 3))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace hearth
