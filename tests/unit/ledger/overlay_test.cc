#include "gonka/ledger/overlay.h"

#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

Bytes BytesOf(std::string_view text) {
  return ToBytes(AsBytes(text));
}

class Base final : public View {
 public:
  std::map<Bytes, Bytes> entries = {{BytesOf("a"), BytesOf("1")},
                                    {BytesOf("b1"), BytesOf("2")},
                                    {BytesOf("b3"), BytesOf("3")},
                                    {BytesOf("c"), BytesOf("4")}};
  std::optional<Bytes> Get(ByteSpan key) const override {
    const auto found = entries.find(ToBytes(key));
    return found == entries.end() ? std::nullopt : std::optional(found->second);
  }
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override {
    for (auto it = entries.lower_bound(std::max(ToBytes(prefix), ToBytes(from)));
         it != entries.end() && AsText(it->first).substr(0, prefix.size()) == AsText(prefix);
         ++it) {
      if (!visit(it->first, it->second)) return;
    }
  }
};

Entries Scanned(const View& view, std::string_view prefix, std::string_view from, size_t limit) {
  Entries found;
  view.Scan(AsBytes(prefix), AsBytes(from), [&](ByteSpan key, ByteSpan value) {
    found.emplace_back(AsText(key), AsText(value));
    return found.size() < limit;
  });
  return found;
}

TEST_CASE("an overlay shows changed, new and deleted entries in their order") {
  const Base base;
  Overlay view(base);
  view.Set(BytesOf("b0"), BytesOf("new"));
  view.Set(BytesOf("b1"), BytesOf("changed"));
  view.Set(BytesOf("b3"), std::nullopt);
  view.Set(BytesOf("b9"), BytesOf("last"));
  view.Set(BytesOf("d"), std::nullopt);  // Was not there.
  CHECK(view.Get(AsBytes("b1")) == BytesOf("changed"));
  CHECK_FALSE(view.Get(AsBytes("b3")));
  CHECK(view.Get(AsBytes("a")) == BytesOf("1"));
  struct Row {
    const char* prefix;
    const char* from;
    size_t limit;
    Entries found;
  };
  const Row rows[] = {
      {"", "", 9, {{"a", "1"}, {"b0", "new"}, {"b1", "changed"}, {"b9", "last"}, {"c", "4"}}},
      {"b", "", 9, {{"b0", "new"}, {"b1", "changed"}, {"b9", "last"}}},
      {"b", "b1", 9, {{"b1", "changed"}, {"b9", "last"}}},
      {"", "", 2, {{"a", "1"}, {"b0", "new"}}},
      {"b", "b2", 1, {{"b9", "last"}}},
      {"d", "", 9, {}},
  };
  for (const Row& row : rows) CHECK(Scanned(view, row.prefix, row.from, row.limit) == row.found);
}

}  // namespace
}  // namespace gonka::ledger
