// URLs: what is accepted is printed and accepted again as the same.

#include "gonka/http/url.h"

#include <cstdint>

#include "gonka/base/bytes.h"
#include "gonka/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::http;
  const std::string_view text = gonka::AsText({data, size});
  (void)IsPublicAddress(text);
  std::string decoded, again;
  if (PercentDecode(text, false, decoded)) {
    GONKA_CHECK(PercentDecode(PercentEncode(decoded), false, again) && again == decoded);
  }
  const auto url = ParseUrl(text);
  if (!url.ok()) return 0;
  const std::string printed = url->ToString();
  if (printed.size() > 2048) return 0;  // The port that it did not name made it too long.
  const auto second = ParseUrl(printed);
  GONKA_CHECK(second.ok() && second->ToString() == printed && second->host == url->host);
  return 0;
}
