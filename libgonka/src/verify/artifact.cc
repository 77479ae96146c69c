#include "gonka/verify/artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "verify/block.h"

namespace gonka::verify {
namespace {

// Rounding can lift the log of a probability of 1 a little above 0.
constexpr float kLogprobMax = 1e-3f;

absl::Status CheckLogprob(size_t position, float logprob) {
  if (std::isfinite(logprob) && logprob <= kLogprobMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("token {} has a log-probability of {}", position, logprob));
}

absl::Status CheckTop(size_t position, const engine::TokenFacts& facts,
                      const ArtifactShape& shape) {
  if (facts.top.size() < shape.k) {
    return absl::InvalidArgumentError(
        fmt::format("token {} has {} of {} entries", position, facts.top.size(), shape.k));
  }
  for (uint32_t i = 0; i < shape.k; ++i) {
    const engine::TopEntry& entry = facts.top[i];
    GONKA_RETURN_IF_ERROR(CheckLogprob(position, entry.logprob));
    const auto earlier = std::span(facts.top).first(i);
    const bool twice = std::any_of(earlier.begin(), earlier.end(),
                                   [&](const engine::TopEntry& e) { return e.id == entry.id; });
    if (twice || entry.id >= shape.vocabulary) {
      return absl::InvalidArgumentError(
          fmt::format("token {} lists id {} {}", position, entry.id,
                      twice ? "twice" : fmt::format("of a vocabulary of {}", shape.vocabulary)));
    }
    if (i > 0 && facts.top[i - 1].logprob < entry.logprob) {
      return absl::InvalidArgumentError(
          fmt::format("token {} has entries out of order at id {}", position, entry.id));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ArtifactToken> Quantise(size_t position, const engine::TokenFacts& facts,
                                       const ArtifactShape& shape) {
  GONKA_RETURN_IF_ERROR(CheckTop(position, facts, shape));
  GONKA_RETURN_IF_ERROR(CheckLogprob(position, facts.logprob));
  if (facts.id >= shape.vocabulary) {
    return absl::InvalidArgumentError(fmt::format("token {} is id {} of a vocabulary of {}",
                                                  position, facts.id, shape.vocabulary));
  }
  ArtifactToken token{.id = facts.id, .steps = QuantiseLogprob(facts.logprob), .top = {}};
  bool listed = false;
  for (uint32_t i = 0; i < shape.k; ++i) {
    const ArtifactEntry entry{facts.top[i].id, QuantiseLogprob(facts.top[i].logprob)};
    token.top.push_back(entry);
    if (entry.id != facts.id) continue;
    listed = true;
    token.steps = entry.steps;
  }
  if (!listed && facts.logprob > facts.top[shape.k - 1].logprob) {
    return absl::InvalidArgumentError(
        fmt::format("token {} (id {}, log-probability {}) is likelier than an entry, but is none",
                    position, facts.id, facts.logprob));
  }
  std::sort(token.top.begin(), token.top.end(), [](const auto& a, const auto& b) {
    return std::pair(a.steps, a.id) < std::pair(b.steps, b.id);
  });
  if (const char* fault = internal::TokenFault(shape, token)) {
    return absl::InvalidArgumentError(fmt::format("token {} {}", position, fault));
  }
  return token;
}

std::span<const uint32_t> LeafIds(std::span<const uint32_t> ids, uint32_t leaf) {
  const auto tokens = static_cast<uint32_t>(ids.size());
  return ids.subspan(size_t{leaf} * kLeafTokens, TokensInLeaf(tokens, leaf));
}

void WriteLeaf(Writer& out, const char* tag, const ArtifactShape& shape, uint32_t leaf,
               std::span<const uint32_t> ids, ByteSpan block) {
  codec::Write(out, Text<32>(tag));
  codec::Write(out, shape);
  out.Int(leaf);
  out.Int(static_cast<uint32_t>(ids.size()));
  for (const uint32_t id : ids) out.Int(id);
  out.Int(static_cast<uint32_t>(block.size()));
  out.Raw(block);
}

std::vector<Hash> LeafHashes(const Artifact& artifact, std::span<const uint32_t> ids) {
  GONKA_CHECK(artifact.blocks.size() == LeafCount(static_cast<uint32_t>(ids.size())));
  std::vector<Hash> hashes;
  for (uint32_t leaf = 0; leaf < artifact.blocks.size(); ++leaf) {
    hashes.push_back(LeafHash(artifact.shape, leaf, LeafIds(ids, leaf), artifact.blocks[leaf]));
  }
  return hashes;
}

std::vector<uint32_t> IdsOf(std::span<const engine::TokenFacts> tokens) {
  std::vector<uint32_t> ids;
  for (const engine::TokenFacts& token : tokens) ids.push_back(token.id);
  return ids;
}

// In 10^-6 nat; what is infinite, or beyond 32 bits, is the greatest value.
uint32_t Micronats(float nats) {
  const double micro = std::floor(static_cast<double>(nats) * 1e6 + 0.5);
  return micro < 4294967295.0 ? static_cast<uint32_t>(std::max(micro, 0.0)) : UINT32_MAX;
}

}  // namespace

uint16_t QuantiseLogprob(float logprob) {
  const double steps = std::floor(-static_cast<double>(logprob) * kStepsPerNat + 0.5);
  return static_cast<uint16_t>(std::clamp<double>(steps, 0, kStepsMax));
}

absl::Status CheckShape(const ArtifactShape& shape) {
  if (shape.k < 1 || shape.k > kTopKMax || shape.k > shape.vocabulary) {
    return absl::InvalidArgumentError(fmt::format("artifact of {} entries a token: not in 1 .. {}",
                                                  shape.k, std::min(kTopKMax, shape.vocabulary)));
  }
  if (shape.vocabulary > kVocabularyMax) {
    return absl::InvalidArgumentError(
        fmt::format("vocabulary of {} is above {}", shape.vocabulary, kVocabularyMax));
  }
  return absl::OkStatus();
}

uint32_t LeafCount(uint32_t tokens) {
  return (tokens + kLeafTokens - 1) / kLeafTokens;
}

uint32_t TokensInLeaf(uint32_t tokens, uint32_t leaf) {
  GONKA_CHECK(leaf < LeafCount(tokens));
  return std::min(kLeafTokens, tokens - leaf * kLeafTokens);
}

Hash LeafHash(const ArtifactShape& shape, uint32_t leaf, std::span<const uint32_t> ids,
              ByteSpan block) {
  Writer out;
  WriteLeaf(out, "gonka/artifact/1", shape, leaf, ids, block);
  return MerkleLeaf(out.Take());
}

absl::StatusOr<Artifact> BuildArtifact(std::span<const engine::TokenFacts> tokens,
                                       const ArtifactShape& shape) {
  GONKA_RETURN_IF_ERROR(CheckShape(shape));
  if (tokens.size() > kOutputTokensMax) {
    return absl::InvalidArgumentError(fmt::format("artifact of {} tokens, at most {} are taken",
                                                  tokens.size(), kOutputTokensMax));
  }
  Artifact artifact{.shape = shape, .blocks = {}};
  std::vector<ArtifactToken> leaf;
  for (size_t i = 0; i < tokens.size(); ++i) {
    GONKA_ASSIGN_OR_RETURN(ArtifactToken token, Quantise(i, tokens[i], shape));
    leaf.push_back(std::move(token));
    if (leaf.size() < kLeafTokens && i + 1 < tokens.size()) continue;
    artifact.blocks.push_back(EncodeBlock(shape, leaf));
    leaf.clear();
  }
  return artifact;
}

absl::Status CheckArtifact(const Artifact& artifact, std::span<const uint32_t> ids) {
  GONKA_RETURN_IF_ERROR(CheckShape(artifact.shape));
  const uint32_t leaves = LeafCount(static_cast<uint32_t>(ids.size()));
  if (artifact.blocks.size() != leaves) {
    return absl::InvalidArgumentError(fmt::format("artifact has {} leaves, {} tokens need {}",
                                                  artifact.blocks.size(), ids.size(), leaves));
  }
  for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
    const auto tokens = DecodeBlock(artifact.shape, LeafIds(ids, leaf), artifact.blocks[leaf]);
    if (!tokens.ok()) return Annotate(tokens.status(), fmt::format("leaf {}", leaf));
  }
  return absl::OkStatus();
}

Hash ArtifactRoot(const Artifact& artifact, std::span<const uint32_t> ids) {
  return MerkleRoot(LeafHashes(artifact, ids));
}

uint32_t ArtifactBytes(const Artifact& artifact) {
  size_t bytes = 0;
  for (const LeafBlock& block : artifact.blocks) bytes += block.size();
  return static_cast<uint32_t>(bytes);
}

LeafOpening OpenLeaf(const Artifact& artifact, std::span<const uint32_t> ids, uint32_t leaf) {
  GONKA_CHECK(leaf < artifact.blocks.size());
  return {leaf, artifact.blocks[leaf], MerkleProve(LeafHashes(artifact, ids), leaf)};
}

absl::StatusOr<Opening> OpenLeaves(const Artifact& artifact, std::span<const uint32_t> ids,
                                   std::span<const uint32_t> leaves) {
  const std::vector<Hash> hashes = LeafHashes(artifact, ids);
  Opening opening;
  for (const uint32_t leaf : leaves) {
    if (leaf >= hashes.size()) {
      return absl::InvalidArgumentError(
          fmt::format("leaf {} of an artifact of {} leaves", leaf, hashes.size()));
    }
    if (!opening.leaves.empty() && opening.leaves.back().leaf >= leaf) {
      return absl::InvalidArgumentError(fmt::format("leaves do not ascend at {}", leaf));
    }
    opening.leaves.push_back({leaf, artifact.blocks[leaf], MerkleProve(hashes, leaf)});
  }
  return opening;
}

absl::StatusOr<std::vector<ArtifactToken>> VerifyOpening(const ArtifactShape& shape,
                                                         const Hash& root,
                                                         std::span<const uint32_t> ids,
                                                         const LeafOpening& opening) {
  GONKA_RETURN_IF_ERROR(CheckShape(shape));
  const uint32_t leaves = LeafCount(static_cast<uint32_t>(ids.size()));
  if (opening.leaf >= leaves) {
    return absl::DataLossError(
        fmt::format("leaf {} of an artifact of {} leaves", opening.leaf, leaves));
  }
  const std::span<const uint32_t> leaf_ids = LeafIds(ids, opening.leaf);
  const Hash hash = LeafHash(shape, opening.leaf, leaf_ids, opening.block);
  if (!MerkleVerify(root, leaves, opening.leaf, hash, opening.path)) {
    return absl::DataLossError(
        fmt::format("leaf {} does not lead to the artifact root {}", opening.leaf, ShortHex(root)));
  }
  auto tokens = DecodeBlock(shape, leaf_ids, opening.block);
  if (!tokens.ok()) return Annotate(tokens.status(), fmt::format("leaf {}", opening.leaf));
  return tokens;
}

absl::StatusOr<Hash> ScoresRoot(std::span<const engine::ScoredToken> scores,
                                const ArtifactShape& shape) {
  std::vector<engine::TokenFacts> facts;
  for (const engine::ScoredToken& score : scores) facts.push_back(score.facts);
  GONKA_ASSIGN_OR_RETURN(const Artifact artifact, BuildArtifact(facts, shape));
  const std::vector<uint32_t> ids = IdsOf(facts);
  std::vector<Hash> leaves;
  for (uint32_t leaf = 0; leaf < artifact.blocks.size(); ++leaf) {
    Writer out;
    WriteLeaf(out, "gonka/scores/1", shape, leaf, LeafIds(ids, leaf), artifact.blocks[leaf]);
    for (uint32_t i = 0; i < LeafIds(ids, leaf).size(); ++i) {
      const engine::ScoredToken& score = scores[leaf * kLeafTokens + i];
      out.Int(Micronats(score.entropy));
      out.Int(score.drawn_id);
      out.Int(Micronats(score.margin));
    }
    leaves.push_back(MerkleLeaf(out.Take()));
  }
  return MerkleRoot(leaves);
}

}  // namespace gonka::verify
