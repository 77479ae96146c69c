#include "testing/sim_genesis.h"

#include <algorithm>

#include "testing/sim_node.h"

namespace gonka::testing {
namespace {

constexpr uint64_t kGenesisTimeUs = 1'700'000'000'000'000;

KeyPair KeyOf(const SimOptions& options, const char* role, uint64_t number) {
  return KeyPair::FromSeed(TaggedHash("gonka/sim-key/1", Text<32>(role), options.sim_seed, number));
}

}  // namespace

std::vector<KeyPair> KeysOf(const SimOptions& options, const char* role, size_t count) {
  std::vector<KeyPair> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(KeyOf(options, role, i));
  return keys;
}

Genesis GenesisOf(const SimOptions& options, std::span<const KeyPair> participants,
                  std::span<const KeyPair> newcomers, std::span<const KeyPair> developers) {
  Genesis genesis;
  genesis.name = "simulation";
  genesis.time_us = kGenesisTimeUs;
  genesis.params = options.params;
  ModelInfo model;
  model.id = ModelId{TaggedHash("gonka/sim-model/1", options.engine.model_seed)};
  model.name = "scripted";
  model.price = options.price;
  model.price_floor = options.price_floor;
  model.capacity_tokens = options.capacity_tokens;
  model.context = options.engine.info.context;
  model.top_k = verify::kTopKDefault;
  genesis.models = {model};
  for (size_t i = 0; i < participants.size(); ++i) {
    const KeyPair& key = participants[i];
    const consensus::BeaconChain beacon(BeaconSeedOf(key), kBeaconLength);
    genesis.participants.push_back({.id = AccountOf(key.public_key()),
                                    .endpoint = "http://simulated",
                                    .weight = i < options.weights.size() ? options.weights[i] : 100,
                                    .models = {model.id},
                                    .beacon_chain_end = beacon.End(0),
                                    .collateral = options.collateral});
  }
  for (const auto& keys : {participants, newcomers, developers}) {
    for (const KeyPair& key : keys) {
      genesis.accounts.push_back({AccountOf(key.public_key()), options.balance});
    }
  }
  genesis.sequencer = AccountOf(participants.back().public_key());
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(genesis.participants.begin(), genesis.participants.end(), by_id);
  std::sort(genesis.accounts.begin(), genesis.accounts.end(), by_id);
  return genesis;
}

Params SimParams() {
  Params params;
  params.time = {.epoch_blocks = 60,
                 .settle_blocks = 50,
                 .grace_blocks = 3,
                 .check_window_blocks = 5,
                 .vote_window_blocks = 6,
                 .hearing_window_blocks = 10,
                 .expiry_base_blocks = 12,
                 .expiry_tokens_per_block = 8,
                 .retained_epochs = 2};
  params.check.hearing_sample = 4;
  params.money.emission_initial = Amount(1'000'000);
  params.money.collateral_min = Amount(0);
  params.money.accusation_bond = Amount(500);
  params.money.challenge_bond = Amount(0);
  params.money.refused_event_fee = Amount(1);
  params.block_interval_ms = 1'000;
  return params;
}

}  // namespace gonka::testing
