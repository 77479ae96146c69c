#include "gonka/model/tensor_type.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace gonka;
using namespace gonka::model;

namespace {

TensorType TypeNamed(std::string_view name) {
  for (uint32_t number = 0; number < 64; ++number) {
    const auto type = TensorTypeFromGgml(number);
    if (type && TensorTypeName(*type) == name) return *type;
  }
  FAIL("no type ", std::string(name));
  return TensorType::kF32;
}

}  // namespace

TEST_CASE("every type dequantises to the very bits that GGML gives") {
  std::ifstream file(GONKA_SOURCE_DIR "/tests/golden/model/dequantize.json");
  REQUIRE(file.good());
  const auto vectors = nlohmann::json::parse(file);
  CHECK(vectors.size() == 8);
  for (const auto& vector : vectors) {
    const auto name = vector["type"].get<std::string>();
    const auto bytes = FromHex(vector["bytes"].get<std::string>());
    const auto expected = FromHex(vector["floats"].get<std::string>());
    REQUIRE((bytes && expected));
    std::vector<float> floats(expected->size() / 4);
    REQUIRE(Dequantize(TypeNamed(name), *bytes, floats).ok());
    size_t different = 0;
    for (size_t i = 0; i < floats.size(); ++i) {
      uint32_t bits = 0;
      for (size_t k = 0; k < 4; ++k) bits |= uint32_t{(*expected)[4 * i + k]} << (8 * k);
      different += std::bit_cast<uint32_t>(floats[i]) != bits ? 1 : 0;
    }
    CHECK_MESSAGE(different == 0, name);
  }
}

TEST_CASE("halves become the floats that they are") {
  const std::pair<uint16_t, float> table[] = {
      {0x0000, 0.0f},        {0x3C00, 1.0f},         {0xC000, -2.0f},    {0x7BFF, 65504.0f},
      {0x0001, 0x1p-24f},    {0x03FF, 0x1.ff8p-15f}, {0x0400, 0x1p-14f}, {0x8001, -0x1p-24f},
      {0x3555, 0x1.554p-2f}, {0x7C00, INFINITY},     {0xFC00, -INFINITY}};
  for (const auto& [half, value] : table) CHECK(HalfToFloat(half) == value);
  CHECK(std::signbit(HalfToFloat(0x8000)));
  CHECK(std::isnan(HalfToFloat(0x7E00)));
}

TEST_CASE("bytes and values that do not fit together are refused") {
  std::vector<float> out(32);
  CHECK(Message(Dequantize(TensorType::kQ8_0, Bytes(33), out)) ==
        "33 bytes of type Q8_0 cannot hold 32 values (blocks of 32 values in 34 bytes)");
  CHECK_FALSE(Dequantize(TensorType::kQ4_K, Bytes(144), out).ok());
  CHECK_FALSE(Dequantize(TensorType::kF32, Bytes(124), out).ok());
  CHECK_FALSE(Dequantize(static_cast<TensorType>(6), Bytes(32), out).ok());
  CHECK_FALSE(TensorTypeFromGgml(6).has_value());
}
