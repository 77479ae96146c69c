#include "gonka/select/live_network.h"

#include <string>

#include "gonka/base/check.h"
#include "gonka/crypto/hash.h"

namespace gonka::select::live {
namespace {

uint64_t Sha256Word(const std::string& text) {
  const Hash hash = Sha256(AsBytes(text));
  uint64_t word = 0;
  for (size_t i = 0; i < 8; ++i) word = word << 8 | hash.bytes[i];
  return word;
}

}  // namespace

uint64_t DrawNumerator(int64_t seed, std::string_view id) {
  return Sha256Word(std::to_string(seed) + ":" + std::string(id));
}

uint64_t ToDecimal16(uint64_t numerator) {
  static constexpr uint64_t kScale = 10'000'000'000'000'000;
  const unsigned __int128 scaled =
      static_cast<unsigned __int128>(numerator) * kScale + UINT64_MAX / 2;
  return static_cast<uint64_t>(scaled / UINT64_MAX);
}

std::vector<uint64_t> CommitteeSlots(std::string_view app_hash, std::string_view participant,
                                     std::string_view model, std::span<const uint64_t> weights,
                                     uint64_t slots) {
  uint64_t total = 0;
  for (const uint64_t weight : weights) total += weight;
  GONKA_CHECK(total > 0);
  std::string prefix(app_hash);
  prefix += participant;
  prefix += model;
  std::vector<uint64_t> held(weights.size());
  for (uint64_t slot = 0; slot < slots; ++slot) {
    uint64_t point = Sha256Word(prefix + std::to_string(slot)) % total;
    size_t member = 0;
    while (point >= weights[member]) point -= weights[member++];
    ++held[member];
  }
  return held;
}

}  // namespace gonka::select::live
