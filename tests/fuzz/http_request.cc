// Requests off the wire. The first byte says how the rest is cut; whole or cut, it must mean the
// same.

#include <algorithm>
#include <cstdint>

#include "gonka/base/bytes.h"
#include "gonka/base/check.h"
#include "http/request_reader.h"

namespace gonka::http {
namespace {

constexpr RequestLimits kLimits{.head_max = 512, .body_max = 256};
using State = RequestReader::State;

size_t ReadInSteps(RequestReader& reader, std::string_view text, size_t step) {
  size_t at = 0;
  while (at < text.size()) {
    const std::string_view piece = text.substr(at, step);
    const size_t taken = reader.Read(piece);
    GONKA_CHECK(taken <= piece.size() && reader.buffered() <= kLimits.body_max);
    at += taken;
    if (taken < piece.size() || reader.state() == State::kDone) break;
  }
  return at;
}

void Compare(std::string_view text, size_t step) {
  RequestReader whole(kLimits), cut(kLimits);
  const size_t whole_taken = ReadInSteps(whole, text, text.size() + 1);
  const size_t cut_taken = ReadInSteps(cut, text, step);
  GONKA_CHECK(whole.state() == cut.state());
  GONKA_CHECK(whole.refusal_status() == cut.refusal_status());
  if (whole.state() != State::kDone) return;
  GONKA_CHECK(whole_taken == cut_taken && whole.keep_alive() == cut.keep_alive());
  const Request a = whole.TakeRequest();
  const Request b = cut.TakeRequest();
  GONKA_CHECK(a.method == b.method && a.path == b.path && a.query == b.query && a.body == b.body);
  GONKA_CHECK(std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end()));
}

}  // namespace
}  // namespace gonka::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  gonka::http::Compare(gonka::AsText({data + 1, size - 1}), data[0] % 64 + 1u);
  return 0;
}
