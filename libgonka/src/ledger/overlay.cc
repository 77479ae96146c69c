#include "gonka/ledger/overlay.h"

#include <algorithm>

namespace gonka::ledger {

std::optional<Bytes> Overlay::Get(ByteSpan key) const {
  const auto change = changes_.find(key);
  return change != changes_.end() ? change->second : view_.Get(key);
}

void Overlay::Scan(ByteSpan prefix, ByteSpan from,
                   const std::function<bool(ByteSpan, ByteSpan)>& visit) const {
  if (changes_.empty()) return view_.Scan(prefix, from, visit);
  auto own = changes_.lower_bound(BytesLess()(prefix, from) ? from : prefix);
  bool goes_on = true;
  const auto has_own = [&] {
    return own != changes_.end() && own->first.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), own->first.begin());
  };
  const auto visit_own = [&] {
    if (own->second) goes_on = visit(own->first, *own->second);
    ++own;
  };
  view_.Scan(prefix, from, [&](ByteSpan key, ByteSpan value) {
    while (goes_on && has_own() && BytesLess()(own->first, key)) visit_own();
    if (!goes_on) return false;
    if (has_own() && std::equal(own->first.begin(), own->first.end(), key.begin(), key.end())) {
      visit_own();
    } else {
      goes_on = visit(key, value);
    }
    return goes_on;
  });
  while (goes_on && has_own()) visit_own();
}

}  // namespace gonka::ledger
