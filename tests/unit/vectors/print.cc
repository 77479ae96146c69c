// Prints the vectors, for tests/golden/protocol.json.

#include <cstdio>

#include "unit/vectors/vectors.h"

int main() {
  std::fputs(gonka::ProtocolVectors().c_str(), stdout);
  return 0;
}
