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
std::optional<ModelInfo> FindModel(const View& view, const ModelId& id);
std::vector<ModelInfo> ListModels(const View& view);
std::optional<EpochTable> FindEpoch(const View& view, uint64_t epoch);
std::optional<Standing> FindStanding(const View& view, uint64_t epoch, const AccountId& id);
std::optional<Allowance> FindAllowance(const View& view, const AccountId& ta,
                                       const AccountId& developer);
// The developer whose allowance for this transfer agent names the key.
std::optional<AccountId> FindDeveloperByKey(const View& view, const AccountId& ta,
                                            const Hash& key_digest);
std::optional<InferenceRecord> FindRecord(const View& view, const InferenceId& id);
// Records of one epoch, ascending by id, from the id after `after`; at most limit.
std::vector<std::pair<InferenceId, InferenceRecord>> ListRecords(const View& view, uint64_t epoch,
                                                                 const InferenceId& after,
                                                                 size_t limit);
std::optional<Case> FindCase(const View& view, const CaseId& id);
std::vector<std::pair<CaseId, Case>> ListOpenCases(const View& view);

// The ledger's draw for this developer, sequence and attempt, over the members of the epoch's table
// who serve the model and are not the transfer agent. What everyone recomputes and the ledger
// demands.
std::variant<AccountId, TxCode> DrawExecutor(const View& view, uint64_t epoch, const ModelId& model,
                                             const AccountId& developer, const AccountId& ta,
                                             uint64_t sequence, uint8_t attempt);

// Who may check a record, in order: the drawn order of those who serve the model but for the
// executor, the transfer agent last. Empty until the check was drawn, or where it was not selected.
std::vector<AccountId> ValidatorOrder(const View& view, const InferenceRecord& record);

// Records whose check is drawn and open, so that a validator that restarts finds its duties.
std::vector<InferenceId> ListOpenChecks(const View& view);

// Whether blocks should carry beacon links now.
bool DrawsPending(const View& view);

// The record's escrow, or nothing where the product overflows.
std::optional<Amount> EscrowOf(uint32_t prompt_tokens, uint32_t tokens_max, Amount price);

// The state key of a record, for proofs of it.
Bytes RecordKey(const InferenceId& id);
Bytes AccountKey(const AccountId& id);
Bytes ParticipantKey(const AccountId& id);

}  // namespace gonka::ledger
