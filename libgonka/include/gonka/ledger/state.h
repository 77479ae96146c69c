#pragma once

// What the ledger remembers, and under which keys (doc/protocol.md has the byte layout). Keys are
// one letter and then ids or big-endian numbers, so that a scan visits them in order.

#include "gonka/crypto/merkle.h"
#include "gonka/protocol/genesis.h"
#include "gonka/protocol/notice.h"
#include "gonka/protocol/tx.h"

namespace gonka::ledger {

// Every coin is in exactly one of these. minted + genesis = the sum of all the others, after every
// block.
struct Totals {
  Amount genesis;
  Amount minted;
  Amount balances;
  Amount allowances;
  Amount escrows;  // Of records that are not finished.
  Amount held;     // Costs of finished records, until settlement.
  Amount bonds;
  Amount collateral;
  Amount treasury;
  Amount burned;
  Amount deposits;   // Of proposals.
  Amount unbonding;  // Collateral on its way home; still slashable.
  Amount vesting;    // Emission that is paid, but not released.
  GONKA_FIELDS(Totals, genesis, minted, balances, allowances, escrows, held, bonds, collateral,
               treasury, burned, deposits, unbonding, vesting)
};

inline constexpr uint32_t kParticipantsMax = 4096;

// One record, key "c": where the chain stands.
struct Chain {
  static constexpr RecordKind kKind{100, 1};
  NetworkId network;
  uint64_t height = 0;
  uint64_t time_us = 0;
  uint64_t epoch = 0;
  uint64_t epoch_first_height = 0;
  Hash beacon;
  uint64_t beacon_links = 0;  // Links revealed so far; pending draws name the count they wait for.
  uint64_t draws_pending = 0;
  uint64_t epoch_settled = 0;  // Epochs below this number are settled.
  uint64_t epoch_pruned = 0;   // Epochs below this number are forgotten.
  uint32_t participants = 0;   // Registered and not forgotten; at most kParticipantsMax.
  Totals totals;
  AccountId sequencer;
  MerkleFrontier history;  // Over the block leaves; its root is the app hash.
  uint32_t rules = 1;      // Version in force; ChangeRules.
  uint64_t proposals = 0;  // Ever made; the next one's number.
  GONKA_FIELDS(Chain, network, height, time_us, epoch, epoch_first_height, beacon, beacon_links,
               draws_pending, epoch_settled, epoch_pruned, participants, totals, sequencer, history,
               rules, proposals)
};

// The sequence numbers that an account has used: everything below base, and base + i where bit i of
// used is set.
struct SequenceWindow {
  uint64_t base = 0;
  FixedBytes<kSequenceWindow / 8> used;
  GONKA_FIELDS(SequenceWindow, base, used)
};

struct Account {
  static constexpr RecordKind kKind{101, 1};
  Amount balance;
  SequenceWindow window;
  uint32_t delegations = 0;  // Warm keys that act for it; at most kDelegationsMax.
  GONKA_FIELDS(Account, balance, window, delegations)
};

// A key that speaks, or has spoken, for a participant: its signatures count in blocks up to
// `until`.
struct NodeKey {
  AccountId key;
  uint64_t until = 0;
  bool retired = false;  // Nobody seals calls to it any more.
  GONKA_FIELDS(NodeKey, key, until, retired)
};
inline constexpr size_t kNodeKeysMax = 4;

// What an Update has announced.
struct Terms {
  Text<256> endpoint;
  List<ModelId, 16> models;
  GONKA_FIELDS(Terms, endpoint, models)
};

// Collateral that was withdrawn: home with the settlement of release_epoch.
struct Unbonding {
  Amount amount;
  uint64_t release_epoch = 0;
  GONKA_FIELDS(Unbonding, amount, release_epoch)
};
inline constexpr size_t kUnbondingMax = 16;  // Of one participant; the last is for its leaving.

// An announced absence, both ends included.
struct Maintenance {
  uint64_t from_height = 0;
  uint64_t until_height = 0;
  uint64_t before_until = 0;  // Where the one before ended; 0: there was none.
  GONKA_FIELDS(Maintenance, from_height, until_height, before_until)
};

struct Participant {
  static constexpr RecordKind kKind{102, 1};
  Text<256> endpoint;
  List<ModelId, 16> models;
  uint64_t weight = 0;
  Amount collateral;
  Ppm reputation;
  uint32_t clean_epochs = 0;
  uint32_t convictions = 0;
  uint32_t misses = 0;  // In half misses; carried over until duties reach miss_sample_min.
  uint32_t duties = 0;
  uint64_t active_from_epoch = 0;
  bool removed = false;
  Hash chain_head;                     // The last revealed link, or the committed end of the chain.
  std::optional<Hash> next_chain_end;  // Becomes chain_head at the next epoch's first block.
  List<NodeKey, 4> node_keys;          // The newest last; only that one may be in use.
  std::optional<Terms> next_terms;     // Become its own at the next epoch's first block.
  std::optional<uint64_t> last_epoch;  // It has left, or will: no duties after this epoch.
  List<Unbonding, 16> unbonding;
  std::optional<Maintenance> maintenance;  // The last one that was announced.
  GONKA_FIELDS(Participant, endpoint, models, weight, collateral, reputation, clean_epochs,
               convictions, misses, duties, active_from_epoch, removed, chain_head, next_chain_end,
               node_keys, next_terms, last_epoch, unbonding, maintenance)
};

// Who takes part in an epoch, frozen at its first block.
struct Member {
  AccountId id;
  uint64_t weight = 0;         // Effective: capped. What every draw uses.
  uint64_t proven_weight = 0;  // Before the cap.
  Ppm reputation;              // When the epoch began.
  List<ModelId, 16> models;    // Ascending.
  GONKA_FIELDS(Member, id, weight, proven_weight, reputation, models)
};
struct EpochTable {
  static constexpr RecordKind kKind{103, 1};
  uint64_t epoch = 0;
  uint64_t first_height = 0;
  Hash beacon;                 // Of the epoch's first block; goes into every executor draw.
  List<Member, 4096> members;  // Ascending by id.
  GONKA_FIELDS(EpochTable, epoch, first_height, beacon, members)
};

// What one participant did in one epoch; grows until settlement.
struct Standing {
  static constexpr RecordKind kKind{104, 1};
  uint32_t executed = 0;  // Records finished as executor.
  uint64_t tokens = 0;    // Prompt and output tokens of these.
  uint32_t checks = 0;    // Verdicts revealed as validator, votes included.
  uint64_t checked_tokens = 0;
  uint32_t duties = 0;       // Records and checks that it had to do.
  uint32_t misses_half = 0;  // In half misses.
  uint32_t passes = 0;       // Of its own records.
  uint32_t fails = 0;        // Upheld.
  int64_t cusum_millinats = 0;
  bool alarmed = false;
  bool convicted = false;
  bool hearing_waits = false;     // A hearing about it waits for more finished records.
  uint32_t accusations = 0;       // Disputes that it opened and that are not decided; developers'
                                  // challenges are counted here, too.
  List<AccountId, 3> developers;  // The first three whom it served.
  GONKA_FIELDS(Standing, executed, tokens, checks, checked_tokens, duties, misses_half, passes,
               fails, cusum_millinats, alarmed, convicted, hearing_waits, accusations, developers)
};

// Where the evidence in a Standing's CUSUM came from since it was last zero. Parties beyond the
// bound are not noted, and so do not count where the share of each is limited.
struct EvidenceShare {
  AccountId party;
  int64_t millinats = 0;
  GONKA_FIELDS(EvidenceShare, party, millinats)
};
struct EvidenceLog {
  static constexpr RecordKind kKind{108, 1};
  List<EvidenceShare, 64> developers;
  List<EvidenceShare, 64> transfer_agents;
  List<EvidenceShare, 64> validators;
  List<InferenceId, 16> records;  // The last ones with positive evidence.
  GONKA_FIELDS(EvidenceLog, developers, transfer_agents, validators, records)
};

struct Allowance {
  static constexpr RecordKind kKind{105, 1};
  Amount available;
  uint64_t expires_epoch = 0;
  std::optional<Hash> key_digest;
  // Drawn from the beacon after the allowance was funded; zero until then. With the epoch's beacon
  // it seeds the executor draw, so that fresh accounts cannot be ground.
  Hash salt;
  uint64_t sequence_base = 0;  // All request sequences below are used.
  uint64_t sequence_used = 0;  // Bit i: sequence_base + i is used.
  uint32_t open_records = 0;
  GONKA_FIELDS(Allowance, available, expires_epoch, key_digest, salt, sequence_base, sequence_used,
               open_records)
};

// What a warm key may do for an account.
struct Delegation {
  static constexpr RecordKind kKind{120, 1};
  AccountId account;
  uint64_t events = 0;  // By tag; none once it is revoked.
  bool speaks = false;
  bool orders = false;
  Amount cap;  // What is left of it.
  uint64_t expires_height = 0;
  uint64_t ends_height = 0;  // Forgotten after this block: expires_height, or soon after Revoke.
  bool revoked = false;
  GONKA_FIELDS(Delegation, account, events, speaks, orders, cap, expires_height, ends_height,
               revoked)
};
inline constexpr uint32_t kDelegationsMax = 256;  // Of one account.

// Where the price of a model stands, in millionths of a unit, and within which terms it moves.
struct Pricing {
  static constexpr RecordKind kKind{121, 1};
  uint64_t price = 0;        // In force in the next block.
  uint64_t epoch_start = 0;  // When the epoch began.
  uint64_t epoch_low = 0;    // The lowest that anybody could read off the ledger in this epoch,
  uint64_t last_low = 0;     // and in the epoch before.
  uint64_t load = 0;         // Tokens of finished records, fading by 1/window_blocks a block.
  uint64_t capacity_tokens = 0;
  Amount floor;
  Amount ceiling;
  GONKA_FIELDS(Pricing, price, epoch_start, epoch_low, last_low, load, capacity_tokens, floor,
               ceiling)
};

struct Proposal {
  static constexpr RecordKind kKind{122, 1};
  AccountId author;
  Change change;
  Text<1'024> reason;
  uint64_t opened_height = 0;
  uint64_t vote_until = 0;  // Votes count up to this block; then they are counted.
  uint64_t activate_height = 0;
  Amount deposit;
  ProposalStatus status = ProposalStatus::kVoting;
  uint64_t approving_weight = 0;  // Once they are counted.
  uint64_t rejecting_weight = 0;
  uint64_t total_weight = 0;
  uint64_t closed_epoch = 0;  // Of a rejected, active or void one: forgotten retained_epochs later.
  GONKA_FIELDS(Proposal, author, change, reason, opened_height, vote_until, activate_height,
               deposit, status, approving_weight, rejecting_weight, total_weight, closed_epoch)
};
struct ProposalVote {
  static constexpr RecordKind kKind{123, 1};
  bool approve = false;
  GONKA_FIELDS(ProposalVote, approve)
};
inline constexpr size_t kModelsMax = 256;

// Emission of one participant on its way to its balance.
struct Vesting {
  static constexpr RecordKind kKind{130, 1};
  List<Amount, 512> releases;  // With the next settlement, the one after it, and so on.
  GONKA_FIELDS(Vesting, releases)
};

// The root of the state after an epoch's first block (state_root.h).
struct StateRoot {
  static constexpr RecordKind kKind{140, 1};
  uint64_t height = 0;
  Hash root;
  GONKA_FIELDS(StateRoot, height, root)
};

// Records of one model finished in one epoch.
struct Traffic {
  static constexpr RecordKind kKind{110, 1};
  uint64_t records = 0;
  GONKA_FIELDS(Traffic, records)
};

// Half misses of an executor in an epoch that nothing but one transfer agent's word speaks for.
struct Blame {
  static constexpr RecordKind kKind{111, 1};
  uint64_t misses_half = 0;
  GONKA_FIELDS(Blame, misses_half)
};

enum class InferenceStatus : uint8_t {
  kStarted,
  kFinished,
  kUnchecked,  // Finished, and the draw said: not checked.
  kValidated,
  kDisputed,
  kInvalidated,
  kExpired,
};
// As in JSON.
inline const char* NameOf(InferenceStatus status) {
  constexpr const char* kNames[] = {"started",  "finished",    "unchecked", "validated",
                                    "disputed", "invalidated", "expired"};
  return kNames[static_cast<size_t>(status)];
}

struct FinishFacts {
  uint64_t height = 0;
  uint32_t output_tokens = 0;
  Hash output_digest;
  Hash artifact_root;
  uint32_t artifact_bytes = 0;
  FinishCode finish = FinishCode::kStop;
  GONKA_FIELDS(FinishFacts, height, output_tokens, output_digest, artifact_root, artifact_bytes,
               finish)
};

struct DeliveredFacts {
  uint64_t height = 0;
  Hash output_digest;
  uint32_t output_tokens = 0;
  std::optional<Signature> executor_signature;
  GONKA_FIELDS(DeliveredFacts, height, output_digest, output_tokens, executor_signature)
};

struct VerdictCommit {
  AccountId validator;
  uint64_t height = 0;
  Hash commitment;
  uint64_t reveal_from = 0;  // For check_window_blocks from here.
  std::optional<ValidateReveal> reveal;
  bool recheck = false;  // Of a pass that stood already.
  GONKA_FIELDS(VerdictCommit, validator, height, commitment, reveal_from, reveal, recheck)
};

// One record. queries.h says who may check it when (DutyOf).
struct InferenceRecord {
  static constexpr RecordKind kKind{106, 1};
  Assignment assignment;
  InferenceStatus status = InferenceStatus::kStarted;
  bool settled = false;  // Terminal. Only what SettledRecord keeps is filled in then.
  uint64_t opened_height = 0;
  bool started = false;   // The transfer agent's own Start is in; false where Finish opened it.
  bool accepted = false;  // The executor's Accept is on the ledger.
  Amount price;           // Per token, at Start.
  Amount escrow;          // Until finished or expired.
  Amount held;            // After; what is left to pay or refund.
  Amount paid;            // Of what was held, to participants.
  Amount refunded;        // Of what was held, to the developer.
  std::optional<FinishFacts> finish;
  std::optional<DeliveredFacts> delivered;
  bool delivery_differs = false;  // Delivered without proof that the executor signed it.
  Ppm check_rate;                 // Stored when the record was opened.
  Hash check_seed;                // Zero until drawn.
  bool check_selected = false;
  bool check_closed = false;  // No more verdicts: one stands, or there is nothing to check.
  uint64_t assigned_height = 0;
  // The window of ValidatorOrder's number `turn` begins at turn_height, that of the next one
  // check_window_blocks later, and so on; those before have had theirs.
  uint32_t turn = 0;
  uint64_t turn_height = 0;
  List<VerdictCommit, 64> verdicts;  // In the order of their commits.
  bool rechecked = false;            // The check that is open, or was last, is one of a pass.
  bool broken_off = false;  // Finished on an acknowledgement: the transfer agent may try again.
  bool agent_pays = false;  // What is held is the transfer agent's, and goes back to it.
  GONKA_FIELDS(InferenceRecord, assignment, status, settled, opened_height, started, accepted,
               price, escrow, held, paid, refunded, finish, delivered, delivery_differs, check_rate,
               check_seed, check_selected, check_closed, assigned_height, turn, turn_height,
               verdicts, rechecked, broken_off, agent_pays)
};

// What a record shrinks to at settlement, under the same key.
struct SettledRecord {
  static constexpr RecordKind kKind{109, 1};
  InferenceStatus status = InferenceStatus::kExpired;
  uint32_t epoch = 0;
  AccountId developer;
  AccountId ta;
  AccountId executor;
  uint32_t prompt_tokens = 0;
  uint32_t output_tokens = 0;
  Amount paid;
  Amount refunded;
  GONKA_FIELDS(SettledRecord, status, epoch, developer, ta, executor, prompt_tokens, output_tokens,
               paid, refunded)
};

struct Ballot {
  AccountId voter;
  uint64_t votes = 0;  // Seats in a dispute, weight in a hearing; 0 once a substitute has them.
  std::optional<Hash> commitment;
  std::optional<VoteReveal> reveal;
  GONKA_FIELDS(Ballot, voter, votes, commitment, reveal)
};

enum class CaseKind : uint8_t { kDispute, kHearing };
inline const char* NameOf(CaseKind kind) {
  return kind == CaseKind::kDispute ? "dispute" : "hearing";
}

// A dispute about one record or a hearing about one participant. Commits are taken until
// commit_until, reveals after it (or once all have committed) until reveal_until; both ends
// included.
struct Case {
  static constexpr RecordKind kKind{107, 1};
  CaseKind kind = CaseKind::kDispute;
  uint64_t epoch = 0;
  AccountId accused;
  std::optional<AccountId> accuser;
  DisputeCause cause = DisputeCause::kFail;  // Of a dispute.
  Amount bond;  // The accuser's: of its collateral, or a challenge's of its balance.
  ModelId model;
  List<InferenceId, 16> records;   // The disputed one, or the hearing's sample once it is drawn.
  List<InferenceId, 16> triggers;  // What a hearing was opened by; never in its sample.
  bool drawn = false;              // Committee (and sample) are known and voting is open.
  Hash seed;                       // Of a dispute's committee, and of its substitutes.
  uint8_t substitutions = 0;       // Rounds in which silent seats went to substitutes.
  uint64_t commit_until = 0;
  uint64_t reveal_until = 0;
  List<Ballot, 4096> ballots;  // Ascending by voter.
  bool decided = false;
  bool upheld = false;  // Of a decided case: the record is invalid, or the accused convicted.
  GONKA_FIELDS(Case, kind, epoch, accused, accuser, cause, bond, model, records, triggers, drawn,
               seed, substitutions, commit_until, reveal_until, ballots, decided, upheld)
};

// Where the Sprint of an epoch stands. Heights: `until` is the last block of the phase.
enum class SprintPhase : uint8_t {
  kSeed,      // Waits for the beacon.
  kCompute,   // Commits are taken.
  kSampling,  // Waits for the beacon again.
  kCheck,     // Checkers recompute the samples and commit to verdicts,
  kReveal,    // and reveal them.
  kAppeal,    // The same by all who serve the model, about commits that not all checkers pass.
  kAppealReveal,
  kOver,
};
inline const char* NameOf(SprintPhase phase) {
  constexpr const char* kNames[] = {"seed",   "compute", "sampling",      "check",
                                    "reveal", "appeal",  "appeal_reveal", "over"};
  return kNames[static_cast<size_t>(phase)];
}

struct Sprint {
  static constexpr RecordKind kKind{135, 1};
  SprintPhase phase = SprintPhase::kSeed;
  uint64_t until = 0;
  Hash seed;             // Of the inputs.
  Hash sample_seed;      // Of samples and checkers.
  uint8_t round = 0;     // How often the silent were replaced.
  uint64_t waiting = 0;  // Ballots that may still commit, or reveal.
  bool is_void = false;  // Too few have committed.
  GONKA_FIELDS(Sprint, phase, until, seed, sample_seed, round, waiting, is_void)
};

struct SprintFinding {
  Verdict verdict = Verdict::kPass;
  uint32_t proven = 0;
  GONKA_FIELDS(SprintFinding, verdict, proven)
};
struct SprintBallot {
  AccountId checker;
  uint64_t votes = 0;  // 1; the weight in an appeal; 0 once a substitute has it.
  bool drawn = false;  // As a checker; otherwise it came in with the appeal.
  std::optional<Hash> commitment;
  std::optional<SprintFinding> finding;  // Once it is revealed.
  GONKA_FIELDS(SprintBallot, checker, votes, drawn, commitment, finding)
};

// What one participant has committed to for one model.
struct SprintEntry {
  static constexpr RecordKind kKind{136, 1};
  uint32_t count = 0;
  Hash root;
  uint64_t height = 0;
  List<SprintBallot, 4096> ballots;  // Ascending by checker.
  bool appealed = false;
  std::optional<SprintOutcome> outcome;
  uint32_t proven = 0;  // Of the samples; of a proven one.
  uint64_t weight = 0;  // Proven; of one that is not decided, or void, claimed.
  GONKA_FIELDS(SprintEntry, count, root, height, ballots, appealed, outcome, proven, weight)
};

}  // namespace gonka::ledger

namespace gonka {
template <>
inline constexpr uint64_t kEnumEnd<ledger::InferenceStatus> = 7;
template <>
inline constexpr uint64_t kEnumEnd<ledger::CaseKind> = 2;
template <>
inline constexpr uint64_t kEnumEnd<ledger::SprintPhase> = 8;
}  // namespace gonka
