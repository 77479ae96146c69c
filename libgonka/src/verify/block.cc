// The packed form of a leaf's tokens. Per token, lowest bit first:
//   rank of the chosen token among the k entries, k where it is none of them   bit_width(k) bits
//   the entries' ids in order, that of the chosen one left out                 id bits each
//   the entries' steps in order                                                9 bits each
//   where rank is k, the chosen token's steps                                  9 bits
// and zeros up to a whole byte after the last token.

#include "verify/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "gonka/verify/artifact.h"
#include "verify/bits.h"

namespace gonka::verify {
namespace {

using internal::BitReader;
using internal::BitWriter;

constexpr uint32_t kStepBits = 9;
static_assert(kStepsMax == (1u << kStepBits) - 1);

uint32_t RankBits(const ArtifactShape& shape) {
  return static_cast<uint32_t>(std::bit_width(shape.k));
}

uint32_t IdBits(const ArtifactShape& shape) {
  return static_cast<uint32_t>(std::bit_width(shape.vocabulary - 1));
}

uint32_t RankOf(const ArtifactToken& token) {
  uint32_t rank = 0;
  while (rank < token.top.size() && token.top[rank].id != token.id) ++rank;
  return rank;
}

// Of one token: 2^32 e^(-steps / 32), by repeated multiplication so that all machines agree.
uint64_t Mass(uint16_t steps) {
  static const auto table = [] {
    constexpr uint64_t kFactor = 4'162'825'044;  // 2^32 e^(-1/32), rounded down.
    std::array<uint64_t, kStepsMax + 1> mass{};
    mass[0] = uint64_t{1} << 32;
    for (size_t i = 1; i < mass.size(); ++i) mass[i] = mass[i - 1] * kFactor >> 32;
    return mass;
  }();
  return table[steps];
}

// Rounding to the nearest step raises a sum of 1 to e^(1/64) = 1.0158 at most.
constexpr uint64_t kMassMax = (uint64_t{1} << 32) / 50 * 51;

const char* OrderFault(const ArtifactShape& shape, const ArtifactToken& token) {
  for (size_t i = 0; i < token.top.size(); ++i) {
    const ArtifactEntry& entry = token.top[i];
    if (entry.id >= shape.vocabulary) return "has an id outside the vocabulary";
    if (i == 0) continue;
    const ArtifactEntry& before = token.top[i - 1];
    if (std::pair(before.steps, before.id) >= std::pair(entry.steps, entry.id)) {
      return "has entries out of order";
    }
    for (size_t j = 0; j < i; ++j) {
      if (token.top[j].id == entry.id) return "has an id twice";
    }
  }
  return nullptr;
}

ArtifactToken ReadToken(const ArtifactShape& shape, uint32_t id, uint32_t rank, BitReader& in) {
  ArtifactToken token{.id = id, .steps = 0, .top = std::vector<ArtifactEntry>(shape.k)};
  for (uint32_t i = 0; i < shape.k; ++i) token.top[i].id = i == rank ? id : in.Get(IdBits(shape));
  for (ArtifactEntry& entry : token.top) entry.steps = static_cast<uint16_t>(in.Get(kStepBits));
  token.steps = rank < shape.k ? token.top[rank].steps : static_cast<uint16_t>(in.Get(kStepBits));
  return token;
}

absl::Status Fault(size_t index, const char* what) {
  return absl::InvalidArgumentError(
      fmt::format("artifact leaf is malformed: its token {} {}", index, what));
}

}  // namespace

namespace internal {

const char* TokenFault(const ArtifactShape& shape, const ArtifactToken& token) {
  if (token.id >= shape.vocabulary) return "was chosen from outside the vocabulary";
  if (const char* fault = OrderFault(shape, token)) return fault;
  uint64_t mass = 0;
  for (const ArtifactEntry& entry : token.top) mass += Mass(entry.steps);
  if (RankOf(token) == shape.k) {
    if (token.steps < token.top.back().steps) return "was likelier than an entry, but is none";
    mass += Mass(token.steps);
  }
  return mass > kMassMax ? "has probabilities that sum above 1" : nullptr;
}

}  // namespace internal

LeafBlock EncodeBlock(const ArtifactShape& shape, std::span<const ArtifactToken> tokens) {
  GONKA_CHECK(tokens.size() <= kLeafTokens);
  BitWriter out;
  for (const ArtifactToken& token : tokens) {
    GONKA_CHECK(token.top.size() == shape.k && internal::TokenFault(shape, token) == nullptr);
    const uint32_t rank = RankOf(token);
    GONKA_CHECK(rank == shape.k || token.top[rank].steps == token.steps);
    out.Put(rank, RankBits(shape));
    for (uint32_t i = 0; i < shape.k; ++i) {
      if (i != rank) out.Put(token.top[i].id, IdBits(shape));
    }
    for (const ArtifactEntry& entry : token.top) out.Put(entry.steps, kStepBits);
    if (rank == shape.k) out.Put(token.steps, kStepBits);
  }
  return out.Take();
}

absl::StatusOr<std::vector<ArtifactToken>> DecodeBlock(const ArtifactShape& shape,
                                                       std::span<const uint32_t> ids,
                                                       ByteSpan block) {
  GONKA_RETURN_IF_ERROR(CheckShape(shape));
  BitReader in(block);
  std::vector<ArtifactToken> tokens;
  for (const uint32_t id : ids) {
    const uint32_t rank = in.Get(RankBits(shape));
    if (rank > shape.k) return Fault(tokens.size(), "has a rank beyond the number of entries");
    ArtifactToken token = ReadToken(shape, id, rank, in);
    if (in.failed()) return Fault(tokens.size(), "is cut off");
    if (const char* fault = internal::TokenFault(shape, token)) return Fault(tokens.size(), fault);
    // The chosen id among the entries must be told by its rank, or there were two ways to say it.
    if (RankOf(token) != rank) return Fault(tokens.size(), "lists its chosen id as if it were not");
    tokens.push_back(std::move(token));
  }
  if (!in.AtCanonicalEnd()) {
    return absl::InvalidArgumentError(
        "artifact leaf is malformed: it goes on after its last token");
  }
  return tokens;
}

}  // namespace gonka::verify
