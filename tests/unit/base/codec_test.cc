#include "gonka/base/codec.h"

#include <doctest/doctest.h>

#include "gonka/base/json.h"

namespace gonka {

enum class Colour : uint8_t { kRed, kGreen };
template <>
inline constexpr uint64_t kEnumEnd<Colour> = 2;

namespace {

struct Apple {
  static constexpr const char* kName = "apple";
  uint16_t seeds = 0;
  GONKA_FIELDS(Apple, seeds)
};
struct Pear {
  static constexpr const char* kName = "pear";
  bool ripe = false;
  GONKA_FIELDS(Pear, ripe)
};
struct Basket {
  static constexpr RecordKind kKind{7, 1};
  Colour colour = Colour::kRed;
  Text<4> label;
  std::variant<Apple, Pear> fruit;
  std::optional<uint32_t> count;
  Bounded<std::map<uint8_t, uint8_t>, 3> prices;
  GONKA_FIELDS(Basket, colour, label, fruit, count, prices)
};

Bytes Hexed(std::string_view text) {
  return *FromHex(text);
}

TEST_CASE("a record round-trips and its bytes are the documented ones") {
  const Basket basket{.colour = Colour::kGreen,
                      .label = Text<4>("hi"),
                      .fruit = Apple{.seeds = 0x0102},
                      .count = 5,
                      .prices = {{{1, 2}, {3, 4}}}};
  const Bytes bytes = Encode(basket);
  CHECK(Hex(bytes) ==
        "0700"
        "01"
        "01"
        "02000000"
        "6869"
        "00"
        "0201"
        "01"
        "05000000"
        "02000000"
        "01020304");
  CHECK(Decode<Basket>(bytes).value() == basket);
  CHECK(
      ToJson(basket) ==
      R"({"colour":"1","label":"hi","fruit":{"kind":"apple","seeds":258},"count":5,"prices":[[1,2],[3,4]]})");
}

TEST_CASE("the decoder refuses every other spelling of a value") {
  const std::pair<const char*, const char*> cases[] = {
      {"070002"
       "00"
       "00000000"
       "000000"
       "00"
       "00000000",
       "another version"},
      {"080001"
       "00"
       "00000000"
       "000000"
       "00"
       "00000000",
       "another kind"},
      {"070001"
       "02"
       "00000000"
       "000000"
       "00"
       "00000000",
       "enum beyond its end"},
      {"070001"
       "00"
       "05000000"
       "6162636465"
       "000000"
       "00"
       "00000000",
       "text beyond its bound"},
      {"070001"
       "00"
       "00000000"
       "020000"
       "00"
       "00000000",
       "unknown alternative"},
      {"070001"
       "00"
       "00000000"
       "0102"
       "00"
       "00000000",
       "bool that is neither 0 nor 1"},
      {"070001"
       "00"
       "00000000"
       "000000"
       "02"
       "00000000",
       "optional tag that is neither 0 nor 1"},
      {"070001"
       "00"
       "00000000"
       "000000"
       "00"
       "02000000"
       "0102"
       "0102",
       "equal map keys"},
      {"070001"
       "00"
       "00000000"
       "000000"
       "00"
       "02000000"
       "0202"
       "0102",
       "descending map keys"},
      {"070001"
       "00"
       "00000000"
       "000000"
       "00"
       "00000000"
       "00",
       "trailing byte"},
      {"070001"
       "00"
       "00000000"
       "000000"
       "00"
       "000000",
       "short input"},
      {"070001"
       "00"
       "ffffffff",
       "count beyond the input"},
  };
  CHECK(Decode<Basket>(Hexed("070001"
                             "00"
                             "00000000"
                             "000000"
                             "00"
                             "00000000"))
            .ok());
  for (const auto& [hex, why] : cases) {
    CAPTURE(why);
    CHECK_FALSE(Decode<Basket>(Hexed(hex)).ok());
  }
}

TEST_CASE("hex is lower case and even") {
  CHECK(FromHex("00ff") == Bytes{0, 255});
  CHECK_FALSE(FromHex("0").has_value());
  CHECK_FALSE(FromHex("0F").has_value());
  CHECK_FALSE(FixedFromHex<32>("00").has_value());
}

TEST_CASE("JSON text is always valid UTF-8") {
  CHECK(JsonQuote("a\"\n\x01") == "\"a\\\"\\n\\u0001\"");
  CHECK(JsonQuote("\xC3\xA9") == "\"\xC3\xA9\"");
  CHECK(JsonQuote("\xC0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(JsonQuote("\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace gonka
