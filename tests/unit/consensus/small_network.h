#pragma once

// Three participants, the first of which orders, and two developers with coins.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "gonka/consensus/follower.h"
#include "gonka/consensus/sequencer.h"
#include "gonka/ledger/queries.h"
#include "unit/store/toy_ledger.h"

namespace gonka::consensus {

struct SmallNetworkOptions {
  std::string name = "small";
  uint32_t epoch_blocks = 40;
  uint32_t beacon_length = 200;
  size_t crowd = 0;  // Further accounts, each good for one draw.
};

class SmallNetwork {
 public:
  explicit SmallNetwork(const SmallNetworkOptions& options = {}) : options_(options) {
    for (const char* name : {"first", "second", "third"}) participants_.push_back(KeyOf(name));
    for (const char* name : {"ann", "ben"}) developers_.push_back(KeyOf(name));
    genesis_.name = options.name;
    genesis_.time_us = 1'000'000;
    TimeParams& time = genesis_.params.time;
    time.epoch_blocks = options.epoch_blocks;
    time.settle_blocks = options.epoch_blocks / 2;
    time.grace_blocks = options.epoch_blocks / 4;
    genesis_.params.money.refused_event_fee = Amount(0);
    ModelInfo model;
    model.id = ModelId{HashOfText("model")};
    model.name = "tiny";
    model.price = Amount(3);
    model.context = 512;
    genesis_.models = {model};
    for (const KeyPair& key : participants_) {
      GenesisParticipant participant;
      participant.id = AccountOf(key.public_key());
      participant.endpoint = "http://127.0.0.1:7000";
      participant.weight = 100;
      participant.models = {model.id};
      participant.beacon_chain_end = Beacon(key).End(0);
      participant.collateral = Amount(1'000);
      genesis_.participants.push_back(participant);
    }
    for (const KeyPair& key : developers_) {
      genesis_.accounts.push_back({AccountOf(key.public_key()), Amount(1'000'000)});
    }
    for (size_t i = 0; i < options.crowd; ++i) {
      genesis_.accounts.push_back({AccountOf(CrowdKey(i).public_key()), Amount(1'000)});
    }
    const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
    std::sort(genesis_.participants.begin(), genesis_.participants.end(), by_id);
    std::sort(genesis_.accounts.begin(), genesis_.accounts.end(), by_id);
    genesis_.sequencer = AccountOf(participants_[0].public_key());
  }

  static KeyPair KeyOf(std::string_view name) { return KeyPair::FromSeed(HashOfText(name)); }
  BeaconChain Beacon(const KeyPair& key) const {
    return BeaconChain(Blake2b(key.seed().span()), options_.beacon_length);
  }

  const Genesis& genesis() const { return genesis_; }
  NetworkId network() const { return NetworkIdOf(genesis_); }
  const KeyPair& sequencer() const { return participants_[0]; }
  const KeyPair& participant(size_t i) const { return participants_[i]; }
  const KeyPair& developer(size_t i) const { return developers_[i]; }
  AccountId developer_id(size_t i) const { return AccountOf(developers_[i].public_key()); }

  SignedTx TransferTx(size_t from, uint64_t sequence, uint64_t amount) const {
    return SignTx(developers_[from], network(), sequence,
                  {Transfer{developer_id(1 - from), Amount(amount)}});
  }
  // An account's first allowance leaves a draw pending.
  SignedTx AllowTx(const KeyPair& developer, uint64_t sequence) const {
    return SignTx(developer, network(), sequence,
                  {Allow{.ta = AccountOf(participants_[1].public_key()),
                         .amount = Amount(100),
                         .expires_epoch = 1'000,
                         .key_digest = std::nullopt}});
  }
  static KeyPair CrowdKey(size_t i) { return KeyOf(fmt::format("crowd {}", i)); }
  SignedTx CrowdTx(size_t i) const { return AllowTx(CrowdKey(i), 0); }

  std::unique_ptr<Chain> OpenChain(std::unique_ptr<store::Database> database,
                                   const ChainOptions& options = {}) const {
    auto chain = Chain::Open(std::move(database), genesis_, options);
    INFO(ToString(chain.status()));
    REQUIRE(chain.ok());
    return *std::move(chain);
  }
  std::unique_ptr<Chain> MemoryChain(const ChainOptions& options = {}) const {
    return OpenChain(store::Database::InMemory(), options);
  }
  std::unique_ptr<Chain> DiskChain(const std::string& directory) const {
    auto database = store::Database::OpenLmdb(directory, kNoSync);
    INFO(ToString(database.status()));
    REQUIRE(database.ok());
    return OpenChain(*std::move(database));
  }
  std::unique_ptr<Sequencer> MakeSequencer(Chain& chain) const {
    auto made = Sequencer::Create(sequencer(), Beacon(sequencer()), chain);
    INFO(ToString(made.status()));
    REQUIRE(made.ok());
    return *std::move(made);
  }

 private:
  const SmallNetworkOptions options_;
  std::vector<KeyPair> participants_;
  std::vector<KeyPair> developers_;
  Genesis genesis_;
};

inline Block Produce(Sequencer& sequencer, uint64_t time_us = 0) {
  absl::StatusOr<Block> block = sequencer.ProduceBlock(time_us);
  INFO(ToString(block.status()));
  REQUIRE(block.ok());
  return *std::move(block);
}

inline void Submit(Chain& chain, SignedTx tx) {
  const auto code = chain.SubmitTx(std::move(tx));
  REQUIRE(code.ok());
  REQUIRE(*code == TxCode::kOk);
}

inline uint64_t BalanceOf(Chain& chain, const AccountId& account) {
  return ledger::FindAccount(**chain.Snapshot(), account)->balance.units();
}

}  // namespace gonka::consensus
