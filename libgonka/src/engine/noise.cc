#include "engine/noise.h"

#include "engine/clones.h"
#include "engine/exact_math.h"

namespace gonka::engine::internal {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

uint32_t SeedWord(const Hash& seed, size_t index) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word |= uint32_t{seed.bytes[4 * index + i]} << (8 * i);
  return word;
}

// One Philox block in each of kBlocks lanes; block b of the lanes has counter word 0 = 2 (first +
// b).
constexpr uint32_t kBlocks = Noise::kLanes / 4;
GONKA_CLONES
void HighBlocks(uint32_t first_block, uint32_t position, uint32_t nonce0, uint32_t nonce1,
                uint32_t key0, uint32_t key1, uint32_t* out) {
  uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
  for (uint32_t b = 0; b < kBlocks; ++b) {
    c0[b] = 2 * (first_block + b);
    c1[b] = position;
    c2[b] = nonce0;
    c3[b] = nonce1;
  }
#pragma GCC unroll 10  // Keeps the lanes in registers: three times as fast.
  for (int round = 0; round < kRounds; ++round) {
    for (uint32_t b = 0; b < kBlocks; ++b) {
      const uint64_t p0 = uint64_t{kMultiplier0} * c0[b];
      const uint64_t p1 = uint64_t{kMultiplier1} * c2[b];
      c0[b] = static_cast<uint32_t>(p1 >> 32) ^ c1[b] ^ key0;
      c2[b] = static_cast<uint32_t>(p0 >> 32) ^ c3[b] ^ key1;
      c1[b] = static_cast<uint32_t>(p1);
      c3[b] = static_cast<uint32_t>(p0);
    }
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  for (uint32_t b = 0; b < kBlocks; ++b) {
    out[4 * b] = c0[b];
    out[4 * b + 1] = c1[b];
    out[4 * b + 2] = c2[b];
    out[4 * b + 3] = c3[b];
  }
}

}  // namespace

PhiloxBlock Philox(PhiloxBlock c, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key1, static_cast<uint32_t>(p0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return c;
}

// All 256 bits of the seed take part: words 0, 1 and 4, 5 fold into the key, the others into the
// upper half of the counter.
Noise::Noise(const Hash& seed, uint32_t position)
    : key0_(SeedWord(seed, 0) ^ SeedWord(seed, 4)),
      key1_(SeedWord(seed, 1) ^ SeedWord(seed, 5)),
      nonce0_(SeedWord(seed, 2) ^ SeedWord(seed, 6)),
      nonce1_(SeedWord(seed, 3) ^ SeedWord(seed, 7)),
      position_(position) {}

void Noise::Highs(uint32_t first_id, std::span<uint32_t> out) const {
  for (size_t i = 0; i < out.size(); i += kLanes) {
    HighBlocks(static_cast<uint32_t>((first_id + i) / 4), position_, nonce0_, nonce1_, key0_, key1_,
               out.data() + i);
  }
}

uint32_t Noise::Word(uint32_t id, uint32_t stream) const {
  return Philox({2 * (id / 4) + stream, position_, nonce0_, nonce1_}, key0_, key1_)[id % 4];
}

double Noise::Gumbel(uint32_t id, uint32_t high) const {
  const uint64_t r = uint64_t{high} << 20 | Word(id, 1) >> 12;
  const double u = (static_cast<double>(r) + 0.5) * 0x1p-52;
  return -Log(-Log(u));
}

}  // namespace gonka::engine::internal
