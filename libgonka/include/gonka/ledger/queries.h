#pragma once

// Questions to the state, asked by the rules themselves, by nodes and by the explorer. All are pure
// reads; what is not there is nullopt.

#include <optional>
#include <variant>
#include <vector>

#include "gonka/ledger/state.h"
#include "gonka/ledger/view.h"

namespace gonka::ledger {

Chain ReadChain(const View& view);  // Genesis must have been applied.
Params ReadParams(const View& view);
std::optional<Account> FindAccount(const View& view, const AccountId& id);
std::optional<Participant> FindParticipant(const View& view, const AccountId& id);
std::vector<std::pair<AccountId, Participant>> ListParticipants(const View& view);
// Announced to be in maintenance at this height.
bool IsAway(const Participant& participant, uint64_t height);
// Emission that is on its way to this account: with the next settlement, the one after it, and so
// on.
std::vector<Amount> FindVesting(const View& view, const AccountId& id);
std::optional<ModelInfo> FindModel(const View& view, const ModelId& id);
std::vector<ModelInfo> ListModels(const View& view);
// Per token, in whole units.
struct ModelPrice {
  Amount now;       // Of a record that the next block opens.
  Amount low;       // The lowest of this epoch so far: a lower cap is refused.
  Amount last_low;  // The lowest of the epoch before.
};
std::optional<ModelPrice> FindPrice(const View& view, const ModelId& id);
std::optional<EpochTable> FindEpoch(const View& view, uint64_t epoch);
std::optional<Standing> FindStanding(const View& view, uint64_t epoch, const AccountId& id);
std::optional<Allowance> FindAllowance(const View& view, const AccountId& ta,
                                       const AccountId& developer);
// Whether a request has taken this number on the ledger.
bool IsUsed(const Allowance& allowance, uint64_t sequence);
// The developer whose allowance for this transfer agent names the key.
std::optional<AccountId> FindDeveloperByKey(const View& view, const AccountId& ta,
                                            const Hash& key_digest);
std::optional<InferenceRecord> FindRecord(const View& view, const InferenceId& id);
// paid and refunded are all that is left of a settled record's money; nullopt before settlement.
std::optional<SettledRecord> FindSettledRecord(const View& view, const InferenceId& id);
// Records of one epoch, by executor and then by id, from the one after `after` (zero: from the
// first); at most limit.
std::vector<std::pair<InferenceId, InferenceRecord>> ListRecords(const View& view, uint64_t epoch,
                                                                 const InferenceId& after,
                                                                 size_t limit);
// What the warm key may do, for whom.
std::optional<Delegation> FindDelegation(const View& view, const AccountId& key);
// The account that a caller with this key speaks for: a participant that has delegated `speaks` to
// it, otherwise the account of the key itself.
AccountId AccountBehind(const View& view, const AccountId& key);
// The key to which calls to this participant are sealed: its node key, where it has one in use.
AccountId NodeKeyOf(const AccountId& account, const Participant& participant);
// The key whose signature this is, if it counts as the account's in the next block.
std::optional<PublicKey> SigningKeyOf(const View& view, const AccountId& account, const Hash& hash,
                                      const Signature& signature);
// Whether the developer has ordered this: what the ledger would say of allowance and signature.
TxCode CheckDeveloper(const View& view, const Assignment& assignment);

std::optional<Proposal> FindProposal(const View& view, uint64_t number);
std::vector<std::pair<uint64_t, Proposal>> ListProposals(const View& view);
std::vector<std::pair<AccountId, bool>> ListVotes(const View& view, uint64_t proposal);

// What it will serve in the next epoch, and so earns weight with in this one's Sprint.
const List<ModelId, 16>& NextModels(const Participant& participant);
std::optional<Sprint> FindSprint(const View& view, uint64_t epoch);
std::optional<SprintEntry> FindSprintEntry(const View& view, uint64_t epoch,
                                           const AccountId& participant, const ModelId& model);
struct ListedSprint {
  AccountId participant;
  ModelId model;
  SprintEntry entry;
};
std::vector<ListedSprint> ListSprint(const View& view, uint64_t epoch);
// The inputs of a commit that its checkers recompute, ascending; empty until they are drawn. While
// the epoch lasts: by the parameters in force.
std::vector<uint32_t> SprintSamples(const View& view, uint64_t epoch, const AccountId& participant,
                                    const ModelId& model);

std::optional<Case> FindCase(const View& view, const CaseId& id);
std::vector<std::pair<CaseId, Case>> ListOpenCases(const View& view);

// The ledger's draw for this developer, sequence and attempt, over the members of the epoch's table
// who serve the model and are not the transfer agent. What everyone recomputes and the ledger
// demands: attempt i = 0, 1, 2 is select::DrawWeighted by Member.weight, in the table's order, with
// TaggedHash("gonka/draw/executor/1", table beacon, allowance salt, developer, ta, u64 sequence,
// u8 i), where the executors of the attempts before i count for zero too. The table is frozen: who
// was removed or convicted meanwhile is still drawn, and may be skipped without blame.
std::variant<AccountId, TxCode> DrawExecutor(const View& view, uint64_t epoch, const ModelId& model,
                                             const AccountId& developer, const AccountId& ta,
                                             uint64_t sequence, uint8_t attempt);
// The same from an epoch's table and the allowance's salt, for those who have no ledger at hand.
std::variant<AccountId, TxCode> DrawExecutor(const EpochTable& table, const ModelId& model,
                                             const Hash& salt, const AccountId& developer,
                                             const AccountId& ta, uint64_t sequence,
                                             uint8_t attempt);

// Who may check a record, in order: select::DrawOrder with
// TaggedHash("gonka/draw/validators/1", check_seed) of those who serve the model but for the
// executor, the transfer agent last. Empty until the check was drawn, or where it was not selected.
// Where a pass is checked again: without the transfer agent and all who took part in the first
// check.
std::vector<AccountId> ValidatorOrder(const View& view, const InferenceRecord& record);

// What a validator may do about a record at a height.
//
// The first in ValidatorOrder may commit from assigned_height, the next one check_window_blocks
// later, and so on; those before may still act too. A commit stops all others: it is revealed from
// the end of its author's window (at the earliest one block after the commit), for
// check_window_blocks. A pass, fail or unavailable ends the check. Where nothing is revealed, or
// inconclusive, the next in order takes over, its window beginning there. Whoever is silent through
// its window, does not reveal, or is inconclusive has missed a duty.
struct CheckDuty {
  // kOk: may commit. kTooEarly: not yet. kNotAssigned: never. kAlreadyDone: has committed, or the
  // check is closed.
  TxCode code = TxCode::kNotAssigned;
  uint64_t place = 0;        // In ValidatorOrder; where the code is kOk or kTooEarly.
  uint64_t from = 0;         // From this height, if nobody else commits until then.
  uint64_t reveal_from = 0;  // Where the code is kOk: of a commit in this block.
};
CheckDuty DutyOf(const View& view, const InferenceRecord& record, const AccountId& validator,
                 uint64_t height);

// Records whose check is drawn and open, so that a validator that restarts finds its duties.
std::vector<InferenceId> ListOpenChecks(const View& view);

// Whether the next block should carry a beacon link: draws are pending, or it begins an epoch,
// whose table takes its beacon.
bool DrawsPending(const View& view);

// What the link in the next block must lead to: BeaconChainStep(link) = this. An end that was
// committed by CommitBeacon counts from the first block of an epoch, that block included.
std::optional<Hash> NextChainHead(const View& view, const AccountId& proposer);

// The record's escrow, or nothing where the product overflows.
std::optional<Amount> EscrowOf(uint32_t prompt_tokens, uint32_t tokens_max, Amount price);

// All coins that were ever made, and those that the pots hold: equal after every block. In 128
// bits, because a ledger in which they are not may hold any numbers.
struct CoinSums {
  unsigned __int128 made = 0;
  unsigned __int128 there = 0;
};
CoinSums CoinSumsOf(const Totals& totals);

// The state key of a record, for proofs of it.
Bytes RecordKey(const InferenceId& id);
Bytes AccountKey(const AccountId& id);
Bytes ParticipantKey(const AccountId& id);

}  // namespace gonka::ledger
