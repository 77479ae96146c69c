#pragma once

#include <string>

namespace gonka {

// Test vectors of doc/protocol.md as JSON, made by the library itself: every hash, signature, draw
// and proof with all that it is made of. tests/python/verify_independent.py recomputes them from
// the document alone.
std::string ProtocolVectors();

}  // namespace gonka
