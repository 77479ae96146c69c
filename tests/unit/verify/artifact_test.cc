#include "gonka/verify/artifact.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "unit/verify/pseudo_model.h"

namespace gonka::verify {
namespace {

constexpr ArtifactShape kShape{.k = 3, .vocabulary = 100};

engine::TokenFacts Token(uint32_t id, float logprob, std::vector<engine::TopEntry> top) {
  return {.id = id, .logprob = logprob, .top = std::move(top)};
}

engine::TokenFacts GoodToken() {
  return Token(7, -1.0f, {{9, -0.7f}, {7, -1.0f}, {50, -3.0f}});
}

ArtifactToken OnlyToken(const Artifact& artifact, uint32_t id) {
  const auto tokens = DecodeBlock(artifact.shape, std::vector{id}, artifact.blocks[0]);
  REQUIRE(tokens.ok());
  REQUIRE(tokens->size() == 1);
  return tokens->front();
}

TEST_CASE("an artifact opens leaf by leaf and says what was computed, to half a step") {
  for (const uint32_t count : {1u, 31u, 32u, 33u, 100u}) {
    CAPTURE(count);
    const Served served = Serve(PseudoModel(), PseudoModel(), 1, count);
    const std::vector<uint32_t>& ids = served.answer.output;
    const std::vector<engine::TokenFacts> facts = Facts(PseudoModel(), served.answer);
    REQUIRE(served.artifact.blocks.size() == LeafCount(count));
    REQUIRE(CheckArtifact(served.artifact, ids).ok());
    for (uint32_t leaf = 0; leaf < LeafCount(count); ++leaf) {
      const LeafOpening opening = OpenLeaf(served.artifact, ids, leaf);
      const auto tokens =
          VerifyOpening(served.answer.shape, served.answer.artifact_root, ids, opening);
      REQUIRE(tokens.ok());
      REQUIRE(tokens->size() == TokensInLeaf(count, leaf));
      for (uint32_t i = 0; i < tokens->size(); ++i) {
        const ArtifactToken& token = (*tokens)[i];
        const engine::TokenFacts& fact = facts[leaf * kLeafTokens + i];
        CHECK(token.id == fact.id);
        CHECK(std::abs(token.steps / 32.0 + std::max(fact.logprob, -15.97f)) <= 1.0 / 64 + 1e-5);
        for (uint32_t entry = 0; entry < kTopKDefault; ++entry) {
          CHECK(std::abs(token.top[entry].steps / 32.0 + fact.top[entry].logprob) <=
                1.0 / 64 + 1e-5);
        }
      }
    }
  }
}

TEST_CASE("an empty answer has an empty artifact") {
  const auto artifact = BuildArtifact({}, kShape);
  REQUIRE(artifact.ok());
  CHECK(artifact->blocks.empty());
  CHECK(ArtifactRoot(*artifact, {}) == MerkleRoot({}));
  CHECK(ArtifactBytes(*artifact) == 0);
}

TEST_CASE("the bytes are these, here and on every machine") {
  const auto artifact = BuildArtifact(
      std::vector{GoodToken(), Token(8, -4.0f, {{9, -0.5f}, {7, -1.5f}, {6, -2.0f}})}, kShape);
  REQUIRE(artifact.ok());
  const std::vector<uint32_t> ids{7, 8};
  CHECK(Hex(artifact->blocks[0]) == "25641640803971304080010410");
  CHECK(Hex(ArtifactRoot(*artifact, ids)) ==
        "b9a9eb2f07549640fd1acd60bb3cea49df89000076b277cdf8f979230c59859c");
  CHECK(Decode<Artifact>(Encode(*artifact)).value() == *artifact);
}

TEST_CASE("the default shape costs at most 12 bytes a token with large vocabularies") {
  for (const uint32_t vocabulary : {49'152u, 131'072u}) {
    const ArtifactShape shape{.k = kTopKDefault, .vocabulary = vocabulary};
    std::vector<engine::TokenFacts> tokens;
    for (uint32_t i = 0; i < 320; ++i) {
      // Every seventh token is a choice from beyond the entries.
      const uint32_t id = i % 7 == 0 ? 40'000 : 40'000 + 1 + i % 4;
      tokens.push_back(Token(id, i % 7 == 0 ? -6.0f : -1.5f,
                             {{40'001, -1.5f}, {40'002, -1.5f}, {40'003, -1.5f}, {40'004, -1.5f}}));
    }
    const auto artifact = BuildArtifact(tokens, shape);
    REQUIRE(artifact.ok());
    CHECK(ArtifactBytes(*artifact) <= 12 * 320);
  }
}

TEST_CASE("equal steps are ordered by id, whatever order the engine's finer values gave") {
  const auto artifact = BuildArtifact(
      std::vector{Token(7, -1.001f, {{9, -1.0f}, {7, -1.001f}, {50, -3.0f}})}, kShape);
  REQUIRE(artifact.ok());
  const ArtifactToken token = OnlyToken(*artifact, 7);
  CHECK(token.top == std::vector<ArtifactEntry>{{7, 32}, {9, 32}, {50, 96}});
}

TEST_CASE("log-probabilities are cut to the range of the steps") {
  CHECK(QuantiseLogprob(0) == 0);
  CHECK(QuantiseLogprob(1e-4f) == 0);
  CHECK(QuantiseLogprob(-1.0f / 64) == 1);
  CHECK(QuantiseLogprob(-1) == 32);
  CHECK(QuantiseLogprob(-15.9f) == 509);
  CHECK(QuantiseLogprob(-1000) == kStepsMax);
}

TEST_CASE("what no forward pass reports is refused with the token and the value") {
  const float infinity = std::numeric_limits<float>::infinity();
  struct Row {
    engine::TokenFacts token;
    const char* message;
  };
  const std::vector<Row> table{
      {Token(7, -1, {{9, -0.7f}, {7, -1}}), "token 1 has 2 of 3 entries"},
      {Token(7, NAN, {{9, -0.7f}, {8, -1}, {50, -3}}), "token 1 has a log-probability of nan"},
      {Token(7, -1, {{9, -0.7f}, {7, -1}, {50, -infinity}}),
       "token 1 has a log-probability of -inf"},
      {Token(7, -1, {{9, 0.5f}, {7, -1}, {50, -3}}), "token 1 has a log-probability of 0.5"},
      {Token(7, -1, {{9, -0.7f}, {7, -1}, {9, -3}}), "token 1 lists id 9 twice"},
      {Token(7, -1, {{9, -0.7f}, {7, -1}, {100, -3}}),
       "token 1 lists id 100 of a vocabulary of 100"},
      {Token(100, -5, {{9, -0.7f}, {7, -1}, {50, -3}}), "token 1 is id 100 of a vocabulary of 100"},
      {Token(7, -1, {{7, -1}, {9, -0.7f}, {50, -3}}), "token 1 has entries out of order at id 9"},
      {Token(8, -2, {{9, -0.7f}, {7, -1}, {50, -3}}),
       "token 1 (id 8, log-probability -2) is likelier than an entry, but is none"},
      {Token(7, -0.1f, {{9, -0.1f}, {7, -0.1f}, {50, -3}}),
       "token 1 has probabilities that sum above 1"},
  };
  for (const Row& row : table) {
    const auto artifact = BuildArtifact(std::vector{GoodToken(), row.token}, kShape);
    CHECK(absl::IsInvalidArgument(artifact.status()));
    CHECK(Message(artifact.status()) == row.message);
  }
}

TEST_CASE("shapes that cannot be are refused") {
  CHECK(CheckShape({.k = 4, .vocabulary = 4}).ok());
  CHECK(Message(CheckShape({.k = 0, .vocabulary = 9})) ==
        "artifact of 0 entries a token: not in 1 .. 9");
  CHECK(Message(CheckShape({.k = 5, .vocabulary = 4})) ==
        "artifact of 5 entries a token: not in 1 .. 4");
  CHECK(Message(CheckShape({.k = 17, .vocabulary = 100})) ==
        "artifact of 17 entries a token: not in 1 .. 16");
  CHECK(Message(CheckShape({.k = 4, .vocabulary = 1u << 25})) ==
        "vocabulary of 33554432 is above 16777216");
}

TEST_CASE("of every block, one bit changed is refused or is another artifact in its one form") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 3, 32);
  const LeafBlock& block = served.artifact.blocks[0];
  uint32_t accepted = 0;
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    Bytes changed = block;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1u << bit % 8);
    const auto tokens = DecodeBlock(served.answer.shape, served.answer.output, changed);
    if (!tokens.ok()) continue;
    ++accepted;
    CHECK(EncodeBlock(served.answer.shape, *tokens) == changed);
  }
  CHECK(accepted > 0);
  CHECK(accepted < block.size() * 8);
}

TEST_CASE("a block that is too short, too long or padded with ones is refused") {
  const std::vector<uint32_t> ids{7};
  const auto artifact = BuildArtifact(std::vector{GoodToken()}, kShape);
  REQUIRE(artifact.ok());
  const Bytes block = artifact->blocks[0];
  const auto refusal = [&](const Bytes& bytes) {
    return Message(DecodeBlock(kShape, ids, bytes).status());
  };
  CHECK(refusal(block).empty());
  CHECK(refusal({}) == "artifact leaf is malformed: its token 0 is cut off");
  CHECK(refusal(Bytes(block.begin(), block.end() - 1)) ==
        "artifact leaf is malformed: its token 0 is cut off");
  const char* kGoesOn = "artifact leaf is malformed: it goes on after its last token";
  Bytes longer = block;
  longer.push_back(0);
  CHECK(refusal(longer) == kGoesOn);
  Bytes padded = block;
  padded.back() |= 0x80;
  CHECK(refusal(padded) == kGoesOn);
  CHECK(!DecodeBlock(kShape, std::vector<uint32_t>{7, 7}, block).ok());
}

TEST_CASE("the chosen token cannot be listed as if it were another") {
  // The block names 7 among the entries of a token that chose 8 from beyond them. Read as the block
  // of a token that chose 7, it would be a second way to say the same.
  const auto artifact =
      BuildArtifact(std::vector{Token(8, -4.0f, {{9, -0.5f}, {7, -1.5f}, {6, -2.0f}})}, kShape);
  REQUIRE(artifact.ok());
  CHECK(Message(DecodeBlock(kShape, std::vector<uint32_t>{7}, artifact->blocks[0]).status()) ==
        "artifact leaf is malformed: its token 0 lists its chosen id as if it were not");
}

TEST_CASE("an opening proves only the leaf, the tokens and the artifact that it was made of") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 4, 100);
  const Answer& answer = served.answer;
  const LeafOpening good = OpenLeaf(served.artifact, answer.output, 1);
  const auto refused = [&](const ArtifactShape& shape, const Hash& root,
                           const std::vector<uint32_t>& ids, const LeafOpening& opening) {
    return absl::IsDataLoss(VerifyOpening(shape, root, ids, opening).status());
  };
  CHECK_FALSE(refused(answer.shape, answer.artifact_root, answer.output, good));

  CHECK(refused(answer.shape, Hash{}, answer.output, good));
  CHECK(refused({.k = 4, .vocabulary = 97}, answer.artifact_root, answer.output, good));
  std::vector<uint32_t> ids = answer.output;
  ids[40] = (ids[40] + 1) % kPseudoVocabulary;
  CHECK(refused(answer.shape, answer.artifact_root, ids, good));
  ids = answer.output;
  ids.resize(64);
  CHECK(refused(answer.shape, answer.artifact_root, ids, good));

  LeafOpening bad = good;
  bad.leaf = 2;
  CHECK(refused(answer.shape, answer.artifact_root, answer.output, bad));
  bad.leaf = 4;
  CHECK(refused(answer.shape, answer.artifact_root, answer.output, bad));
  bad = good;
  bad.block.back() ^= 1;
  CHECK(refused(answer.shape, answer.artifact_root, answer.output, bad));
  bad = good;
  bad.path.pop_back();
  CHECK(refused(answer.shape, answer.artifact_root, answer.output, bad));
}

TEST_CASE("leaves are opened in order, and only those that exist") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 5, 100);
  const auto open = [&](const std::vector<uint32_t>& leaves) {
    return OpenLeaves(served.artifact, served.answer.output, leaves);
  };
  const auto opening = open({0, 3});
  REQUIRE(opening.ok());
  CHECK(opening->leaves.size() == 2);
  CHECK(Decode<Opening>(Encode(*opening)).value() == *opening);
  CHECK(Message(open({4}).status()) == "leaf 4 of an artifact of 4 leaves");
  CHECK(Message(open({1, 1}).status()) == "leaves do not ascend at 1");
}

TEST_CASE("the scores root covers everything that the validator found") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 6, 40);
  const std::vector<engine::ScoredToken> scores = Score(PseudoModel(), served.answer);
  const auto root_of = [&](auto change) {
    std::vector<engine::ScoredToken> changed = scores;
    change(changed[35]);
    const auto root = ScoresRoot(changed, served.answer.shape);
    REQUIRE(root.ok());
    return *root;
  };
  const Hash root = root_of([](auto&) {});
  CHECK(root == root_of([](auto&) {}));
  CHECK(root != served.answer.artifact_root);
  CHECK(root != root_of([](auto& score) { score.margin += 0.01f; }));
  CHECK(root !=
        root_of([](auto& score) { score.margin = std::numeric_limits<float>::infinity(); }));
  CHECK(root != root_of([](auto& score) { score.drawn_id ^= 1; }));
  CHECK(root != root_of([](auto& score) { score.entropy += 0.01f; }));
  CHECK(root != root_of([](auto& score) { score.facts.top[3].logprob -= 0.2f; }));
}

}  // namespace
}  // namespace gonka::verify
