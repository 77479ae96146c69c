#include "unit/vectors/vectors.h"

#include "gonka/ledger/state.h"
#include "gonka/protocol/block.h"
#include "gonka/protocol/genesis.h"
#include "gonka/protocol/sprint.h"
#include "gonka/select/draw.h"
#include "ledger/executor_draw.h"
#include "ledger/members.h"
#include "unit/protocol/fill.h"
#include "unit/vectors/json.h"

namespace gonka {
namespace {

using testing_protocol::Filler;

KeyPair Key(uint8_t number) {
  FixedBytes<32> seed;
  seed.bytes.fill(number);
  return KeyPair::FromSeed(seed);
}
AccountId Account(uint8_t number) {
  return AccountOf(Key(number).public_key());
}
Hash Seed(uint64_t number) {
  return TaggedHash("vectors/seed", number);
}

// One request of developer 1 by way of transfer agent 2 to executor 3.
struct Inference {
  CanonicalRequest canonical;
  Assignment assignment;
  InferenceId id;
};

Inference MakeInference() {
  Inference inference;
  CanonicalRequest& canonical = inference.canonical;
  canonical = Filler().Make<CanonicalRequest>();
  canonical.messages = {
      {.role = Text<32>("user"), .content = Text<262'144>("why is the sky blue?")}};
  Request& request = inference.assignment.request;
  request = Filler().Make<Request>();
  request.network = NetworkIdOf(Filler().Make<Genesis>());
  request.request_digest = RequestDigest(canonical, Seed(1));
  request.developer = Account(1);
  request.ta = Account(2);
  inference.assignment.developer_signature = Key(1).Sign(RequestSigningHash(request));
  inference.assignment.prompt_tokens = 12;
  inference.assignment.attempt = 1;
  inference.assignment.executor = Account(3);
  const Hash refusal = RefusalSigningHash(InferenceIdOf(request, 0));
  inference.assignment.skipped = {{.executor = Account(4), .refusal = Key(4).Sign(refusal)}};
  inference.id = InferenceIdOf(inference.assignment);
  return inference;
}

std::string RequestVector(const Inference& inference) {
  const Request& request = inference.assignment.request;
  std::vector<InferenceId> ids;
  for (uint8_t attempt = 0; attempt < kAttemptsMax; ++attempt) {
    ids.push_back(InferenceIdOf(request, attempt));
  }
  return JsonObject()
      .AddEncoded("canonical_request", inference.canonical)
      .Add("salt", Seed(1))
      .Add("request_digest", RequestDigest(inference.canonical, Seed(1)))
      .AddEncoded("request", request)
      .Add("request_signing_hash", RequestSigningHash(request))
      .AddList("inference_ids", ids)
      .Text();
}

std::string AssignmentVector(const Inference& inference) {
  const Hash hash = AssignmentSigningHash(inference.assignment);
  const Hash accept = AcceptSigningHash(inference.id);
  return JsonObject()
      .AddEncoded("signed_assignment", SignedAssignment{inference.assignment, Key(2).Sign(hash)})
      .Add("signing_hash", hash)
      .Add("accept_hash", accept)
      .Add("accept_signature", Key(3).Sign(accept))
      .Text();
}

std::string OutputVector(const Inference& inference) {
  const OutputTokens tokens(std::vector<uint32_t>{5, 1'000, 49'151, 0});
  const Hash digest = OutputDigest(tokens, FinishCode::kLength, Seed(2));
  const Hash delivery = DeliverySigningHash(inference.id, digest, 4);
  return JsonObject()
      .Add("tokens", tokens)
      .Raw("finish", "1")
      .Add("salt", Seed(2))
      .Add("output_digest", digest)
      .Add("inference", inference.id)
      .Add("delivery_hash", delivery)
      .Add("executor", Account(3))
      .Add("executor_signature", Key(3).Sign(delivery))
      .Text();
}

std::string SamplingSeedVectors(const Inference& inference) {
  std::vector<std::string> vectors;
  for (const bool with_seed : {true, false}) {
    CanonicalRequest request;
    request.choice = 2;
    if (with_seed) request.seed = 42;
    vectors.push_back(JsonObject()
                          .Add("client_seed", request.seed)
                          .Add("inference", inference.id)
                          .Raw("attempt", "1")
                          .Raw("choice", "2")
                          .Add("sampling_seed", SamplingSeed(request, inference.id, 1))
                          .Text());
  }
  return JsonLines(vectors);
}

std::string CommitmentVector() {
  const ValidateReveal verdict = Filler().Make<ValidateReveal>();
  const VoteReveal vote = Filler().Make<VoteReveal>();
  return JsonObject()
      .Add("author", Account(5))
      .AddEncoded("validate_reveal", verdict)
      .Add("verdict_commitment", VerdictCommitment(Account(5), verdict))
      .AddEncoded("vote_reveal", vote)
      .Add("vote_commitment", VoteCommitment(Account(5), vote))
      .Text();
}

std::string NamesVector(const Inference& inference) {
  const std::string key = "gk-an-api-key";
  return JsonObject()
      .AddText("api_key", key)
      .Add("api_key_digest", ApiKeyDigest(AsBytes(key)))
      .Add("inference", inference.id)
      .Add("dispute", DisputeCase(inference.id))
      .Raw("epoch", "9")
      .Add("accused", Account(3))
      .Add("hearing", HearingCase(9, Account(3)))
      .Text();
}

SignedTx MakeTx(const Inference& inference, uint64_t sequence) {
  Filler filler;
  std::vector<Event> events;
  for (size_t i = 0; i < std::variant_size_v<Event>; ++i) {
    filler.FillAlternative(events.emplace_back(), i);
  }
  std::get<Start>(events[4]).assignment = inference.assignment;
  return SignTx(Key(2), inference.assignment.request.network, sequence, events);
}

Block MakeBlock(const Inference& inference) {
  Block block;
  for (uint64_t i = 0; i < 3; ++i) block.txs.push_back(MakeTx(inference, 70 + i));
  block.header = Filler().Make<BlockHeader>();
  block.header.proposer = Account(3);
  block.header.txs_root = TxsRoot(block.txs);
  block.signature = Key(3).Sign(HashOf(block.header).value);
  return block;
}

std::string TxVector(const SignedTx& tx) {
  return JsonObject().AddEncoded("signed_tx", tx).Add("hash", HashOf(tx)).Text();
}

std::string BlockVector(const Block& block) {
  return JsonObject().AddEncoded("block", block).Add("hash", HashOf(block.header)).Text();
}

std::string BeaconVector() {
  Hash end = Seed(3);
  for (int i = 0; i < 5; ++i) end = BeaconChainStep(end);
  const NetworkId network = NetworkIdOf(Filler().Make<Genesis>());
  const Hash first = TaggedHash("gonka/beacon/genesis/1", network);
  return JsonObject()
      .Add("secret", Seed(3))
      .Raw("length", "5")
      .Add("end", end)
      .Add("network", network)
      .Add("first", first)
      .Raw("height", "17")
      .Add("link", Seed(4))
      .Add("next", NextBeacon(first, 17, Seed(4)))
      .Text();
}

// Its first word is the largest there is, so that it is refused for most n.
Hash SeedWithHighWord(uint64_t number) {
  Hash seed = Seed(number);
  for (size_t i = 0; i < 8; ++i) seed.bytes[i] = 255;
  return seed;
}

std::string UniformVectors() {
  std::vector<std::string> vectors;
  for (const uint64_t n : {1ull, 2ull, 10ull, 1'000'000ull, (1ull << 63) + 1, ~0ull}) {
    for (const Hash& seed : {Seed(n), SeedWithHighWord(n)}) {
      vectors.push_back(JsonObject()
                            .Add("seed", seed)
                            .Add("n", n)
                            .Add("value", select::UniformBelow(seed, n))
                            .Text());
    }
  }
  return JsonLines(vectors);
}

std::string DrawVectors() {
  std::vector<std::string> vectors;
  for (uint64_t i = 0; i < 6; ++i) {
    const Hash seed = Seed(100 + i);
    std::vector<uint64_t> weights;
    for (uint64_t k = 0; k < 4 + 3 * i; ++k) weights.push_back(k * k * 31 % 17);
    const Ppm rate{static_cast<uint32_t>(150'000 * (i + 1))};
    vectors.push_back(JsonObject()
                          .Add("seed", seed)
                          .AddList("weights", weights)
                          .Add("weighted", uint64_t{select::DrawWeighted(seed, weights)})
                          .AddList("order", select::DrawOrder(seed, weights))
                          .AddList("seats", select::DrawSeats(seed, weights, 7))
                          .Add("rate", rate)
                          .Add("selected", select::IsSelected(seed, rate))
                          .Raw("population", std::to_string(20 + i))
                          .AddList("sample", select::DrawSample(seed, 20 + i, 16))
                          .Text());
  }
  return JsonLines(vectors);
}

// Eight members, of whom those with an odd number serve a second model too.
ledger::EpochTable MakeTable() {
  ledger::EpochTable table{.epoch = 9, .first_height = 1'000, .beacon = Seed(5), .members = {}};
  for (uint8_t number = 1; number <= 8; ++number) {
    ledger::Member member;
    member.id = Account(number);
    member.weight = number == 5 ? 0 : 100u * number;
    member.proven_weight = 120u * number;
    member.models = {ModelId{Seed(6)}};
    if (number % 2 == 1) member.models.push_back(ModelId{Seed(7)});
    std::sort(member.models.begin(), member.models.end());
    table.members.push_back(member);
  }
  std::sort(table.members.begin(), table.members.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return table;
}

std::string ExecutorDrawVectors() {
  const ledger::EpochTable table = MakeTable();
  std::vector<std::string> vectors;
  for (uint64_t sequence = 0; sequence < 12; ++sequence) {
    const ModelId model{Seed(sequence % 2 == 0 ? 6 : 7)};
    const select::WeightTable serving(ledger::WeightsServing(table, model));
    const Hash salt = Seed(8);
    const AccountId developer = Account(9);
    const AccountId ta = Account(static_cast<uint8_t>(1 + sequence % 4));
    const auto drawn = ledger::DrawExecutors({.table = table,
                                              .model = model,
                                              .serving = serving,
                                              .salt = salt,
                                              .developer = developer,
                                              .ta = ta,
                                              .sequence = sequence},
                                             1);
    std::vector<AccountId> executors;
    for (const size_t index : std::get<std::vector<size_t>>(drawn)) {
      executors.push_back(table.members[index].id);
    }
    vectors.push_back(JsonObject()
                          .Add("model", model)
                          .Add("salt", salt)
                          .Add("developer", developer)
                          .Add("ta", ta)
                          .Add("sequence", sequence)
                          .AddList("executors", executors)
                          .Text());
  }
  return JsonObject().AddEncoded("epoch_table", table).Raw("draws", JsonLines(vectors)).Text();
}

InclusionProof MakeProof(uint32_t leaves, uint32_t index, uint64_t blocks, uint64_t place) {
  InclusionProof proof;
  Filler().FillAlternative(proof.leaf, index % 3);
  std::vector<Hash> hashes;
  for (uint32_t i = 0; i < leaves; ++i) hashes.push_back(MerkleLeaf(Encode(i)));
  hashes[index] = MerkleLeaf(Encode(proof.leaf));
  proof.leaf_index = index;
  proof.leaf_path = MerkleProve(hashes, index);
  proof.block = {.height = 40 + place, .count = leaves, .root = MerkleRoot(hashes)};
  std::vector<Hash> history;
  for (uint64_t i = 0; i < blocks; ++i) history.push_back(MerkleLeaf(Encode(i)));
  history[place] = HashOf(proof.block);
  proof.history_index = place;
  proof.history_size = blocks;
  proof.history_path = MerkleProve(history, place);
  Filler().Fill(proof.header);
  proof.header.height = 40 + blocks;
  proof.header.app_hash = MerkleRoot(history);
  return proof;
}

std::string ProofVectors() {
  std::vector<std::string> vectors;
  const uint64_t kShapes[][4] = {
      {1, 0, 1, 0}, {2, 1, 3, 2}, {5, 4, 6, 5}, {7, 3, 9, 4}, {8, 5, 13, 12}};
  for (const auto& shape : kShapes) {
    const InclusionProof proof = MakeProof(static_cast<uint32_t>(shape[0]),
                                           static_cast<uint32_t>(shape[1]), shape[2], shape[3]);
    GONKA_CHECK(VerifyProof(proof, HashOf(proof.header)).ok());
    vectors.push_back(JsonObject()
                          .AddEncoded("inclusion_proof", proof)
                          .Add("block_hash", HashOf(proof.header))
                          .Text());
  }
  return JsonLines(vectors);
}

std::string KeyVectors() {
  std::vector<std::string> vectors;
  for (uint8_t number = 1; number <= 3; ++number) {
    vectors.push_back(JsonObject()
                          .Add("seed", Key(number).seed())
                          .Add("public", Key(number).public_key())
                          .Add("message", Seed(number))
                          .Add("signature", Key(number).Sign(Seed(number)))
                          .Text());
  }
  return JsonLines(vectors);
}

std::string SprintVector() {
  const SprintInput input{
      .seed = Seed(21), .participant = Account(3), .model = ModelId{Seed(6)}, .index = 7};
  std::vector<Hash> leaves;
  for (uint32_t i = 0; i < 11; ++i) leaves.push_back(SprintLeaf(i, Seed(30 + i)));
  const SprintOpening opening{.network = NetworkId{Seed(22)},
                              .epoch = 9,
                              .participant = input.participant,
                              .model = input.model,
                              .root = MerkleRoot(leaves),
                              .index = input.index,
                              .result = Seed(30 + input.index),
                              .path = MerkleProve(leaves, input.index)};
  const auto reveal = Filler().Make<SprintVerdictReveal>();
  return JsonObject()
      .Add("seed", input.seed)
      .Add("participant", input.participant)
      .Add("model", input.model)
      .Add("index", input.index)
      .Raw("vocabulary", "49152")
      .AddList("tokens", SprintTokens(input, 10, 49'152))
      .Add("first_result", Seed(30))
      .AddList("leaves", leaves)
      .AddEncoded("opening", opening)
      .Add("opening_hash", SprintOpeningHash(opening))
      .Add("checkers_seed", SprintCheckersSeed(input.seed, input.participant, input.model))
      .Add("samples_seed", SprintSamplesSeed(input.seed, input.participant, input.model))
      .AddEncoded("reveal", reveal)
      .Add("checker", Account(4))
      .Add("commitment", SprintVerdictCommitment(Account(4), reveal))
      .Text();
}

std::string GenesisVector() {
  const Genesis genesis = Filler().Make<Genesis>();
  return JsonObject().AddEncoded("genesis", genesis).Add("network", NetworkIdOf(genesis)).Text();
}

}  // namespace

std::string ProtocolVectors() {
  const Inference inference = MakeInference();
  const std::pair<const char*, std::string> kParts[] = {
      {"keys", KeyVectors()},
      {"genesis", GenesisVector()},
      {"request", RequestVector(inference)},
      {"assignment", AssignmentVector(inference)},
      {"output", OutputVector(inference)},
      {"sampling_seeds", SamplingSeedVectors(inference)},
      {"commitments", CommitmentVector()},
      {"names", NamesVector(inference)},
      {"tx", TxVector(MakeTx(inference, 70))},
      {"block", BlockVector(MakeBlock(inference))},
      {"beacon", BeaconVector()},
      {"uniform", UniformVectors()},
      {"draws", DrawVectors()},
      {"executor_draws", ExecutorDrawVectors()},
      {"proofs", ProofVectors()},
      {"sprint", SprintVector()},
  };
  std::string text = "{\n";
  for (const auto& [name, json] : kParts) {
    text += (text.size() > 2 ? ",\n  " : "  ") + JsonQuote(name) + ": " + json;
  }
  return text + "\n}\n";
}

}  // namespace gonka
