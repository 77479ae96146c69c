#include "unit/vectors/vectors.h"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

namespace gonka {
namespace {

// A difference is a change of the protocol: it needs new versions, its document, and then
//   protocol_vectors > tests/golden/protocol.json
TEST_CASE("the library still makes the checked-in vectors of the protocol") {
  std::ifstream file(std::string(GONKA_SOURCE_DIR) + "/tests/golden/protocol.json");
  REQUIRE(file.is_open());
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  const bool same = golden == ProtocolVectors();
  CHECK(same);
}

}  // namespace
}  // namespace gonka
