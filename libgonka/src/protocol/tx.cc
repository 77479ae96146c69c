#include "gonka/protocol/tx.h"

namespace gonka {

Hash ApiKeyDigest(ByteSpan key) {
  return TaggedHash("gonka/api-key/1", Blob<4096>(ToBytes(key)));
}

Hash VerdictCommitment(const AccountId& validator, const ValidateReveal& reveal) {
  return TaggedHash("gonka/verdict/1", validator, reveal);
}

Hash VoteCommitment(const AccountId& voter, const VoteReveal& reveal) {
  return TaggedHash("gonka/vote/1", voter, reveal);
}

Hash SprintVerdictCommitment(const AccountId& checker, const SprintVerdictReveal& reveal) {
  return TaggedHash("gonka/sprint/verdict/1", checker, reveal);
}

KeyPair ApiKeyPair(ByteSpan api_key) {
  return KeyPair::FromSeed(TaggedHash("gonka/api-key/seed/1", Blob<4096>(ToBytes(api_key))));
}

namespace {

template <size_t... I>
std::vector<std::string> NamesOf(std::index_sequence<I...>) {
  return {std::variant_alternative_t<I, Event>::kName...};
}

}  // namespace

std::vector<std::string> EventNames() {
  return NamesOf(std::make_index_sequence<std::variant_size_v<Event>>());
}

uint64_t NodeEvents() {
  return EventBit<Start>() | EventBit<Finish>() | EventBit<Delivered>() |
         EventBit<ValidateCommit>() | EventBit<ValidateReveal>() | EventBit<VoteCommit>() |
         EventBit<VoteReveal>() | EventBit<CommitBeacon>() | EventBit<SprintCommit>() |
         EventBit<SprintVerdictCommit>() | EventBit<SprintVerdictReveal>() |
         EventBit<SprintExpose>();
}

CaseId DisputeCase(const InferenceId& inference) {
  return CaseId{TaggedHash("gonka/dispute/1", inference)};
}

CaseId HearingCase(uint64_t epoch, const AccountId& accused) {
  return CaseId{TaggedHash("gonka/hearing/1", epoch, accused)};
}

Hash BeaconChainStep(const Hash& link) {
  return TaggedHash("gonka/beacon-chain/1", link);
}

TxHash HashOf(const SignedTx& tx) {
  return TxHash{
      TaggedHash("gonka/tx/1", tx.network, tx.sender, tx.acts_for, tx.sequence, tx.events)};
}

SignedTx SignTx(const KeyPair& key, const NetworkId& network, uint64_t sequence,
                std::vector<Event> events, std::optional<AccountId> acts_for) {
  SignedTx tx{.network = network,
              .sender = AccountOf(key.public_key()),
              .acts_for = acts_for,
              .sequence = sequence,
              .events = std::move(events),
              .signature = {}};
  tx.signature = key.Sign(HashOf(tx).value);
  return tx;
}

bool VerifyTx(const SignedTx& tx) {
  return VerifySignature(tx.sender.value, HashOf(tx).value, tx.signature);
}

const char* TxCodeName(TxCode code) {
  static constexpr const char* kNames[] = {
      "ok",
      "malformed",
      "wrong_network",
      "sequence_used",
      "sequence_too_far",
      "unknown_account",
      "insufficient_balance",
      "insufficient_allowance",
      "allowance_expired",
      "allowance_not_ready",
      "unknown_participant",
      "unknown_model",
      "not_served",
      "wrong_epoch",
      "wrong_transfer_agent",
      "wrong_executor",
      "wrong_attempt",
      "bad_signature",
      "request_sequence_used",
      "request_sequence_too_far",
      "price_above_cap",
      "token_limit",
      "expired",
      "unknown_inference",
      "already_done",
      "conflicts_with_record",
      "not_assigned",
      "too_early",
      "too_late",
      "commitment_mismatch",
      "unknown_case",
      "amount_overflow",
      "nobody_to_check",
      "removed",
      "quota_exceeded",
      "expiry_too_far",
      "not_delegated",
      "delegation_expired",
      "delegation_cap",
      "unknown_proposal",
      "out_of_bounds",
      "wrong_developer",
      "insufficient_collateral",
      "left",
      "not_acknowledged",
      "unknown_sprint",
  };
  static_assert(std::size(kNames) == kEnumEnd<TxCode>);
  const auto index = static_cast<size_t>(code);
  GONKA_CHECK(index < std::size(kNames));
  return kNames[index];
}

}  // namespace gonka
