#pragma once

// Transactions: what accounts tell the ledger. The body is a batch of events of one sender, so that
// one signature carries many; each event succeeds or fails alone and has its own receipt.
// libgonka/doc/protocol.md describes every event, its bytes and its rule.

#include "gonka/crypto/merkle.h"
#include "gonka/protocol/delegation.h"
#include "gonka/protocol/governance.h"
#include "gonka/protocol/request.h"

namespace gonka {

enum class Verdict : uint8_t { kPass, kFail, kInconclusive, kUnavailable };
template <>
inline constexpr uint64_t kEnumEnd<Verdict> = 4;
const char* NameOf(Verdict value);

// Becomes a participant, or one again that has left. Acts from the next epoch. By a participant: an
// Update of both.
struct Register {
  static constexpr const char* kName = "register";
  Text<256> endpoint;
  List<ModelId, 16> models;  // Ascending.
  GONKA_FIELDS(Register, endpoint, models)
};

struct Transfer {
  static constexpr const char* kName = "transfer";
  AccountId to;
  Amount amount;
  GONKA_FIELDS(Transfer, to, amount)
};

struct DepositCollateral {
  static constexpr const char* kName = "deposit_collateral";
  Amount amount;
  GONKA_FIELDS(DepositCollateral, amount)
};

// Sets coins aside for one transfer agent, which may open records against them. What is unused
// comes back when the allowance has expired and the last request under it is settled.
struct Allow {
  static constexpr const char* kName = "allow";
  AccountId ta;
  Amount amount;  // Added to what is there.
  uint64_t expires_epoch = 0;
  // Digest of an API key: whoever shows the key to this transfer agent is served from the
  // allowance, and the transfer agent signs for the developer. Without it every request needs the
  // developer's own signature.
  std::optional<Hash> key_digest;
  GONKA_FIELDS(Allow, ta, amount, expires_epoch, key_digest)
};
Hash ApiKeyDigest(ByteSpan key);

// Opens a record. By the transfer agent.
struct Start {
  static constexpr const char* kName = "start";
  Assignment assignment;
  std::optional<Signature> accept;  // The executor's, where it has come already.
  GONKA_FIELDS(Start, assignment, accept)
};

// The transfer agent's signature over CancelSigningHash or AckSigningHash.
struct AgentWord {
  uint32_t tokens = 0;
  Signature signature;
  GONKA_FIELDS(AgentWord, tokens, signature)
};

// By the executor. Carries the signed assignment where the executor has not seen the Start, and
// then opens the record by itself.
struct Finish {
  static constexpr const char* kName = "finish";
  InferenceId inference;
  uint32_t output_tokens = 0;
  Hash output_digest;
  Hash artifact_root;
  uint32_t artifact_bytes = 0;
  FinishCode finish = FinishCode::kStop;
  std::optional<SignedAssignment> opening;
  // A cancelled answer needs it, over just its tokens. With any other it is looked at where the
  // transfer agent has turned to another executor: for what it acknowledged it pays.
  std::optional<AgentWord> word;
  GONKA_FIELDS(Finish, inference, output_tokens, output_digest, artifact_root, artifact_bytes,
               finish, opening, word)
};

// By the transfer agent: what the developer was sent. Where the digest differs from Finish's it
// must carry the executor's signature over it, which proves two signed outputs.
struct Delivered {
  static constexpr const char* kName = "delivered";
  InferenceId inference;
  Hash output_digest;
  uint32_t output_tokens = 0;
  std::optional<Signature> executor_signature;
  GONKA_FIELDS(Delivered, inference, output_digest, output_tokens, executor_signature)
};

// By the validator on duty.
struct ValidateCommit {
  static constexpr const char* kName = "validate_commit";
  InferenceId inference;
  Hash commitment;
  GONKA_FIELDS(ValidateCommit, inference, commitment)
};
struct ValidateReveal {
  static constexpr const char* kName = "validate_reveal";
  InferenceId inference;
  Verdict verdict = Verdict::kPass;
  int32_t evidence_millinats = 0;  // -500 to 3912: -0.5 to ln 50.
  Hash scores_root;                // Merkle root of the validator's own scores.
  Hash salt;
  GONKA_FIELDS(ValidateReveal, inference, verdict, evidence_millinats, scores_root, salt)
};
Hash VerdictCommitment(const AccountId& validator, const ValidateReveal& reveal);

// By a committee member, in a dispute or a hearing.
struct VoteCommit {
  static constexpr const char* kName = "vote_commit";
  CaseId case_id;
  Hash commitment;
  GONKA_FIELDS(VoteCommit, case_id, commitment)
};
struct VoteReveal {
  static constexpr const char* kName = "vote_reveal";
  CaseId case_id;
  Verdict verdict = Verdict::kPass;  // In a hearing kFail confirms the charge.
  int32_t evidence_millinats = 0;    // In a hearing of its whole sample: reputation/evidence.h.
  Hash salt;
  GONKA_FIELDS(VoteReveal, case_id, verdict, evidence_millinats, salt)
};
Hash VoteCommitment(const AccountId& voter, const VoteReveal& reveal);

CaseId DisputeCase(const InferenceId& inference);
CaseId HearingCase(uint64_t epoch, const AccountId& accused);

// The end of a hash chain whose links the sender will reveal, last first, in blocks that it
// proposes. Acts from the next epoch.
struct CommitBeacon {
  static constexpr const char* kName = "commit_beacon";
  Hash chain_end;
  GONKA_FIELDS(CommitBeacon, chain_end)
};
Hash BeaconChainStep(const Hash& link);  // chain_end = step applied length times to a secret.

// By the developer of a record: somebody shall look at its answer. Opens a dispute against a bond.
struct Challenge {
  static constexpr const char* kName = "challenge";
  InferenceId inference;
  GONKA_FIELDS(Challenge, inference)
};

// By a participant: where it is reached and what it serves, from the next epoch. What is not given
// stays. (Its node key changes at once: Delegate.)
struct Update {
  static constexpr const char* kName = "update";
  std::optional<Text<256>> endpoint;
  std::optional<List<ModelId, 16>> models;  // Ascending.
  GONKA_FIELDS(Update, endpoint, models)
};

// By a participant: this epoch is the last in which it has duties. What it earns in it is paid, and
// its collateral begins to unbond with that epoch's settlement.
struct Leave {
  static constexpr const char* kName = "leave";
  GONKA_FIELDS(Leave)
};

// By a participant: part of its collateral, back to its balance after money.unbonding_epochs.
struct WithdrawCollateral {
  static constexpr const char* kName = "withdraw_collateral";
  Amount amount;
  GONKA_FIELDS(WithdrawCollateral, amount)
};

// By a participant, ahead of time: in these blocks it has no duties and misses nothing, and earns
// nothing but fees. No blocks at all take back what has not begun.
struct Maintain {
  static constexpr const char* kName = "maintain";
  uint64_t from_height = 0;
  uint32_t blocks = 0;
  GONKA_FIELDS(Maintain, from_height, blocks)
};

// Sprint: by a participant, within the window. Result i of count is what it computed of input i;
// the root is over their leaves. Once for each model; nothing can be added later.
struct SprintCommit {
  static constexpr const char* kName = "sprint_commit";
  uint64_t epoch = 0;
  ModelId model;
  uint32_t count = 0;
  Hash root;  // Over SprintLeaf(i, result).
  GONKA_FIELDS(SprintCommit, epoch, model, count, root)
};
// By a checker of one participant's commit; in an appeal by anybody who serves the model.
struct SprintVerdictCommit {
  static constexpr const char* kName = "sprint_verdict_commit";
  uint64_t epoch = 0;
  AccountId participant;  // Whose work it is.
  ModelId model;
  Hash commitment;
  GONKA_FIELDS(SprintVerdictCommit, epoch, participant, model, commitment)
};
struct SprintVerdictReveal {
  static constexpr const char* kName = "sprint_verdict_reveal";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  Verdict verdict = Verdict::kPass;
  uint32_t proven = 0;  // Of the samples; 0 unless it is a pass or a fail.
  Hash salt;
  GONKA_FIELDS(SprintVerdictReveal, epoch, participant, model, verdict, proven, salt)
};
Hash SprintVerdictCommitment(const AccountId& checker, const SprintVerdictReveal& reveal);

// By anybody: the participant has signed this as an opening of its commit, and it does not lead to
// the root. The ledger sees for itself, and convicts.
struct SprintExpose {
  static constexpr const char* kName = "sprint_expose";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  uint32_t index = 0;
  Hash result;
  MerklePath path;
  Signature signature;  // The participant's, over SprintOpeningHash.
  GONKA_FIELDS(SprintExpose, epoch, participant, model, index, result, path, signature)
};

// The order is on the wire: new ones at the end.
using Event =
    std::variant<Register, Transfer, DepositCollateral, Allow, Start, Finish, Delivered,
                 ValidateCommit, ValidateReveal, VoteCommit, VoteReveal, CommitBeacon, Delegate,
                 Revoke, Propose, VoteProposal, Challenge, Update, Leave, WithdrawCollateral,
                 Maintain, SprintCommit, SprintVerdictCommit, SprintVerdictReveal, SprintExpose>;

// Bit of Delegate::events for this kind of event.
template <class T, size_t I = 0>
constexpr uint64_t EventBit() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Event>, T>) {
    return uint64_t{1} << I;
  } else {
    return EventBit<T, I + 1>();
  }
}
// Every event, by tag: "register", "transfer", ...
std::vector<std::string> EventNames();
// Those that no warm key may send.
inline constexpr uint64_t kColdEvents = EventBit<Delegate>() | EventBit<Revoke>();
// All that a participant's node sends by itself.
uint64_t NodeEvents();

struct SignedTx {
  static constexpr RecordKind kKind{3, 1};
  NetworkId network;
  AccountId sender;                   // Who signs; its sequence number is used.
  std::optional<AccountId> acts_for;  // The account whose warm key the sender is; not the sender.
  uint64_t sequence = 0;              // Used once, within a sliding window of kSequenceWindow.
  List<Event, 256> events;
  Signature signature;
  GONKA_FIELDS(SignedTx, network, sender, acts_for, sequence, events, signature)
};
inline constexpr uint64_t kSequenceWindow = 1024;

TxHash HashOf(const SignedTx& tx);  // Of everything but the signature; also what is signed.
SignedTx SignTx(const KeyPair& key, const NetworkId& network, uint64_t sequence,
                std::vector<Event> events, std::optional<AccountId> acts_for = std::nullopt);
bool VerifyTx(const SignedTx& tx);  // The signature alone.

// Why the rules refuse, or kOk. Fixed numbers: they are in receipts. Add at the end.
enum class TxCode : uint16_t {
  kOk,
  kMalformed,  // Fields contradict one another.
  kWrongNetwork,
  kSequenceUsed,  // Or below the window.
  kSequenceTooFar,
  kUnknownAccount,
  kInsufficientBalance,
  kInsufficientAllowance,
  kAllowanceExpired,
  kAllowanceNotReady,  // Its salt has not been drawn yet.
  kUnknownParticipant,
  kUnknownModel,
  kNotServed,   // The participant does not serve the model in that epoch.
  kWrongEpoch,  // Not open for new records, or past its grace.
  kWrongTransferAgent,
  kWrongExecutor,  // Not the ledger's draw.
  kWrongAttempt,
  kBadSignature,  // Of something inside the event.
  kRequestSequenceUsed,
  kRequestSequenceTooFar,
  kPriceAboveCap,
  kTokenLimit,
  kExpired,
  kUnknownInference,
  kAlreadyDone,
  kConflictsWithRecord,
  kNotAssigned,  // This validator or voter is not on duty there.
  kTooEarly,
  kTooLate,
  kCommitmentMismatch,
  kUnknownCase,
  kAmountOverflow,
  kNobodyToCheck,  // Reputation 0 and nobody but the executor serves the model.
  kRemoved,        // The participant was removed for fraud.
  kQuotaExceeded,
  kExpiryTooFar,  // Later than the answer's length explains.
  kNotDelegated,  // The key may not do this for the account.
  kDelegationExpired,
  kDelegationCap,  // More coins than the key may commit.
  kUnknownProposal,
  kOutOfBounds,  // A proposed parameter or model that no network may have.
  kWrongDeveloper,
  kInsufficientCollateral,  // Not so much there, or less than the least would be left.
  kLeft,                    // The participant has left, or is about to.
  kNotAcknowledged,         // The transfer agent's word is missing.
  kUnknownSprint,           // No such commit.
  kTxCodeEnd,
};
template <>
inline constexpr uint64_t kEnumEnd<TxCode> = static_cast<uint64_t>(TxCode::kTxCodeEnd);
const char* TxCodeName(TxCode code);  // "wrong_executor"
inline const char* NameOf(TxCode code) {
  return TxCodeName(code);
}

struct Receipt {
  TxHash tx;
  uint32_t index = 0;  // Of the event in its batch.
  TxCode code = TxCode::kOk;
  GONKA_FIELDS(Receipt, tx, index, code)
};

}  // namespace gonka
