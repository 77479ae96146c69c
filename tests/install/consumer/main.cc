// Applies a genesis and one block that transfers coins, audits the state, prints the app hash.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "gonka/ledger/ledger.h"
#include "gonka/ledger/queries.h"

namespace {

using namespace gonka;

class MapView : public ledger::View {
 public:
  std::optional<Bytes> Get(ByteSpan key) const override {
    const auto found = values_.find(ToBytes(key));
    return found == values_.end() ? std::nullopt : std::optional<Bytes>(found->second);
  }
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override {
    for (auto it = values_.lower_bound(std::max(ToBytes(prefix), ToBytes(from)));
         it != values_.end(); ++it) {
      const Bytes& key = it->first;
      if (key.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), key.begin())) {
        return;
      }
      if (!visit(key, it->second)) return;
    }
  }
  void Apply(const ledger::BlockResult& block) {
    for (const StateWrite& write : block.writes) {
      if (write.value) {
        values_[write.key] = *write.value;
      } else {
        values_.erase(write.key);
      }
    }
  }

 private:
  std::map<Bytes, Bytes> values_;
};

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "ledger_consumer: %s\n", what);
  std::exit(EXIT_FAILURE);
}

ledger::BlockResult Take(absl::StatusOr<ledger::BlockResult> result) {
  if (!result.ok()) Fail(std::string(result.status().message()).c_str());
  return *std::move(result);
}

}  // namespace

int main() {
  const KeyPair sequencer = KeyPair::FromSeed(Blake2b(AsBytes("sequencer")));
  const KeyPair alice = KeyPair::FromSeed(Blake2b(AsBytes("alice")));
  const AccountId alice_id = AccountOf(alice.public_key());
  const AccountId bob_id = AccountOf(KeyPair::FromSeed(Blake2b(AsBytes("bob"))).public_key());
  const ModelId model{Blake2b(AsBytes("model"))};
  const Hash link = Blake2b(AsBytes("the first link of the beacon"));

  Genesis genesis;
  genesis.name = "consumer";
  genesis.time_us = 1;
  genesis.sequencer = AccountOf(sequencer.public_key());
  genesis.models = {{.id = model, .name = std::string("tiny"), .price = Amount(2), .context = 512}};
  genesis.participants.push_back({.id = genesis.sequencer,
                                  .endpoint = std::string("http://127.0.0.1:1"),
                                  .weight = 100,
                                  .models = {model},
                                  .beacon_chain_end = BeaconChainStep(link)});
  genesis.accounts = {{alice_id, Amount(1'000)}, {genesis.sequencer, Amount(1'000)}};
  std::sort(genesis.accounts.begin(), genesis.accounts.end(),
            [](const GenesisAccount& a, const GenesisAccount& b) { return a.id < b.id; });

  MapView view;
  const ledger::BlockResult first = Take(ledger::ApplyGenesis(genesis));
  view.Apply(first);

  const NetworkId network = NetworkIdOf(genesis);
  const SignedTx tx = SignTx(alice, network, 0, {Transfer{.to = bob_id, .amount = Amount(300)}});
  const BlockHeader header{.network = network,
                           .height = 1,
                           .time_us = 2,
                           .previous = {},
                           .app_hash = first.app_hash,
                           .txs_root = TxsRoot({&tx, 1}),
                           .link = link,
                           .proposer = genesis.sequencer};
  const ledger::VerifiedTx verified{.tx = tx, .hash = HashOf(tx)};
  const ledger::BlockResult block = Take(ledger::ApplyBlock(view, header, {&verified, 1}));
  view.Apply(block);

  if (block.receipts.size() != 1 || block.receipts[0].code != TxCode::kOk) {
    Fail("the transfer was refused");
  }
  if (block.app_hash == first.app_hash) Fail("the block left the app hash as it was");
  const auto bob = ledger::FindAccount(view, bob_id);
  if (!bob || bob->balance != Amount(300)) Fail("the coins did not arrive");
  if (const absl::Status audit = ledger::CheckInvariants(view); !audit.ok()) {
    Fail(std::string(audit.message()).c_str());
  }
  std::printf("app hash %s\n", Hex(block.app_hash).c_str());
}
