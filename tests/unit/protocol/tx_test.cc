#include <doctest/doctest.h>

#include <set>

#include "gonka/base/json.h"
#include "gonka/protocol/block.h"
#include "unit/protocol/fill.h"

namespace gonka {
namespace {

using testing_protocol::Filler;

KeyPair Key(uint8_t number) {
  FixedBytes<32> seed;
  seed.bytes.fill(number);
  return KeyPair::FromSeed(seed);
}

TEST_CASE("a signature covers the network, the sender, the sequence and every event") {
  const SignedTx tx = SignTx(Key(1), NetworkId{}, 7, {Transfer{}, Delivered{}});
  CHECK(VerifyTx(tx));
  struct {
    const char* what;
    void (*change)(SignedTx&);
  } const kCases[] = {
      {"network", [](SignedTx& t) { t.network.value.bytes[0] = 1; }},
      {"sender", [](SignedTx& t) { t.sender = AccountOf(Key(2).public_key()); }},
      {"sequence", [](SignedTx& t) { t.sequence = 8; }},
      {"an event more", [](SignedTx& t) { t.events.push_back(Transfer{}); }},
      {"an event less", [](SignedTx& t) { t.events.pop_back(); }},
      {"a field", [](SignedTx& t) { std::get<Transfer>(t.events[0]).amount = Amount(1); }},
      {"the order", [](SignedTx& t) { std::swap(t.events[0], t.events[1]); }},
      {"the signature", [](SignedTx& t) { t.signature.bytes[0] ^= 1; }},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    SignedTx changed = tx;
    c.change(changed);
    CHECK_FALSE(VerifyTx(changed));
  }
}

TEST_CASE("an inference id names network, epoch, parties, sequence and attempt, not the prompt") {
  const Request request = Filler().Make<Request>();
  std::set<Hash> ids = {InferenceIdOf(request, 0).value, InferenceIdOf(request, 1).value};
  const auto with = [&](void (*change)(Request&)) {
    Request changed = request;
    change(changed);
    return InferenceIdOf(changed, 0).value;
  };
  ids.insert(with([](Request& r) { ++r.network.value.bytes[0]; }));
  ids.insert(with([](Request& r) { ++r.epoch; }));
  ids.insert(with([](Request& r) { ++r.developer.value.bytes[0]; }));
  ids.insert(with([](Request& r) { ++r.ta.value.bytes[0]; }));
  ids.insert(with([](Request& r) { ++r.sequence; }));
  CHECK(ids.size() == 7);
  CHECK(with([](Request& r) { ++r.request_digest.bytes[0]; }) == InferenceIdOf(request, 0).value);
}

TEST_CASE("what different parties sign about one inference never collides") {
  const Assignment assignment = Filler().Make<Assignment>();
  const InferenceId id = InferenceIdOf(assignment);
  const std::set<Hash> hashes = {RequestSigningHash(assignment.request),
                                 AssignmentSigningHash(assignment),
                                 AcceptSigningHash(id),
                                 RefusalSigningHash(id),
                                 DeliverySigningHash(id, Hash{}, 0),
                                 DisputeCase(id).value,
                                 id.value};
  CHECK(hashes.size() == 7);
}

TEST_CASE("a commitment hides the verdict behind its salt and binds its author") {
  ValidateReveal reveal = Filler().Make<ValidateReveal>();
  const AccountId validator = AccountOf(Key(1).public_key());
  const Hash commitment = VerdictCommitment(validator, reveal);
  CHECK(VerdictCommitment(AccountOf(Key(2).public_key()), reveal) != commitment);
  reveal.salt.bytes[0] ^= 1;
  CHECK(VerdictCommitment(validator, reveal) != commitment);
  VoteReveal vote = Filler().Make<VoteReveal>();
  const Hash ballot = VoteCommitment(validator, vote);
  vote.verdict = vote.verdict == Verdict::kPass ? Verdict::kFail : Verdict::kPass;
  CHECK(VoteCommitment(validator, vote) != ballot);
}

TEST_CASE(
    "the sampling seed is the client's where it gave one, and differs by attempt and choice") {
  CanonicalRequest request;
  const InferenceId one{MerkleLeaf(Bytes{1})};
  const InferenceId two{MerkleLeaf(Bytes{2})};
  CHECK(SamplingSeed(request, one, 0) != SamplingSeed(request, two, 0));
  CHECK(SamplingSeed(request, one, 0) != SamplingSeed(request, one, 1));
  request.seed = 42;
  CHECK(SamplingSeed(request, one, 0) == SamplingSeed(request, two, 0));
  const Hash first = SamplingSeed(request, one, 0);
  request.choice = 1;
  CHECK(SamplingSeed(request, one, 0) != first);
}

TEST_CASE("the beacon moves with every link and height") {
  const Hash link = MerkleLeaf(Bytes{1});
  CHECK(NextBeacon(Hash{}, 1, link) != NextBeacon(Hash{}, 2, link));
  CHECK(NextBeacon(Hash{}, 1, link) != NextBeacon(link, 1, link));
  CHECK(BeaconChainStep(link) != link);
}

TEST_CASE("every code of refusal has its own name") {
  std::set<std::string> names;
  for (uint16_t code = 0; code < kEnumEnd<TxCode>; ++code) {
    names.insert(TxCodeName(static_cast<TxCode>(code)));
  }
  CHECK(names.size() == kEnumEnd<TxCode>);
  CHECK(TxCodeName(TxCode::kWrongExecutor) == std::string("wrong_executor"));
}

TEST_CASE("a record reads as JSON with the names of its fields") {
  const Transfer transfer{.to = AccountId{}, .amount = Amount(5)};
  CHECK(ToJson(Event{transfer}) ==
        "{\"kind\":\"transfer\",\"to\":\"" + std::string(64, '0') + "\",\"amount\":5}");
}

}  // namespace
}  // namespace gonka
