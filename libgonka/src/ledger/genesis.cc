#include "gonka/ledger/ledger.h"
#include "ledger/block_state.h"
#include "ledger/epochs.h"
#include "ledger/finish_block.h"
#include "ledger/money.h"
#include "ledger/pricing.h"

namespace gonka::ledger {
namespace {

class EmptyView : public View {
 public:
  std::optional<Bytes> Get(ByteSpan) const override { return std::nullopt; }
  void Scan(ByteSpan, ByteSpan, const std::function<bool(ByteSpan, ByteSpan)>&) const override {}
};

void PutAccounts(BlockState& state, const Genesis& genesis) {
  Totals& totals = state.chain.totals;
  for (const GenesisAccount& source : genesis.accounts) {
    state.accounts.Put(keys::Of(source.id), {.balance = source.balance, .window = {}});
    totals.genesis += source.balance;
    totals.balances += source.balance;
  }
}

void PutParticipants(BlockState& state, const Genesis& genesis) {
  Totals& totals = state.chain.totals;
  for (const GenesisParticipant& source : genesis.participants) {
    state.accounts.Ensure(keys::Of(source.id));
    Participant participant;
    participant.endpoint = source.endpoint;
    participant.models = source.models;
    participant.weight = source.weight;
    participant.collateral = source.collateral;
    participant.chain_head = source.beacon_chain_end;
    state.participants.Put(keys::OfParticipant(source.id), std::move(participant));
    totals.genesis += source.collateral;
    totals.collateral += source.collateral;
  }
  state.chain.participants = static_cast<uint32_t>(genesis.participants.size());
}

}  // namespace

absl::StatusOr<BlockResult> ApplyGenesis(const Genesis& genesis) {
  GONKA_RETURN_IF_ERROR(CheckGenesis(genesis));
  const EmptyView view;
  BlockState state(view);
  state.chain.network = NetworkIdOf(genesis);
  state.chain.time_us = genesis.time_us;
  state.chain.sequencer = genesis.sequencer;
  state.chain.beacon = TaggedHash("gonka/beacon/genesis/1", state.chain.network);
  state.params = state.stored_params.Put(keys::OfParams(), genesis.params);
  for (const ModelInfo& model : genesis.models) {
    state.models.Put(keys::Of(model.id), model);
    SetTerms(state, model, nullptr);
  }
  PutAccounts(state, genesis);
  PutParticipants(state, genesis);
  PutEpochTable(state, 0, 0);
  GONKA_CHECK(IsConserved(state.chain.totals));
  return FinishBlock(state, {});
}

}  // namespace gonka::ledger
