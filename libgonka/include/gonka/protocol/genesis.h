#pragma once

// Where a network begins, and the numbers that its rules use. Nothing here is compiled in: the
// defaults are those of a production network; the devnet writes others into its genesis.

#include "gonka/protocol/ids.h"

namespace gonka {

// All lengths in blocks.
struct TimeParams {
  uint32_t epoch_blocks = 17'280;
  uint32_t settle_blocks = 1'200;  // From an epoch's end to its payout.
  uint32_t grace_blocks = 40;      // From an epoch's end until nothing is opened for it any more.
  uint32_t check_window_blocks = 60;  // One validator's time; then the next may act too.
  uint32_t vote_window_blocks = 60;   // To commit in a dispute, and again to reveal.
  uint32_t hearing_window_blocks =
      240;  // To commit in a hearing; then vote_window_blocks to reveal.
  uint32_t expiry_base_blocks = 120;
  uint32_t expiry_tokens_per_block = 1;  // The slowest rate that counts as alive.
  uint32_t retained_epochs = 8;          // After settlement; then an epoch's records are dropped.
  uint32_t maintenance_notice_blocks = 720;   // From the announcement to its first block.
  uint32_t maintenance_blocks_max = 2'880;    // Of one maintenance; 0: there is none.
  uint32_t maintenance_gap_blocks = 120'960;  // From one's last block to the next one's first.
  GONKA_FIELDS(TimeParams, epoch_blocks, settle_blocks, grace_blocks, check_window_blocks,
               vote_window_blocks, hearing_window_blocks, expiry_base_blocks,
               expiry_tokens_per_block, retained_epochs, maintenance_notice_blocks,
               maintenance_blocks_max, maintenance_gap_blocks)
};

struct CheckParams {
  Ppm rate_max{1'000'000};
  Ppm rate_floor{10'000};      // min(T) at full traffic.
  Ppm rate_half{50'000};       // min(T) at half traffic.
  uint64_t traffic_cut = 100;  // Up to here min(T) is rate_max.
  uint64_t traffic_half = 5'000;
  uint64_t traffic_full = 10'000;
  uint32_t checks_per_epoch_min = 5;  // Expected, per executor.
  uint32_t committee_seats = 7;
  uint32_t voters_min = 3;
  uint32_t hearing_sample = 16;
  int32_t evidence_min_millinats = -500;
  int32_t evidence_max_millinats = 3'912;  // ln 50
  int32_t alarm_millinats = 13'816;        // CUSUM bar; ln 10^6.
  int32_t conviction_millinats = 9'211;    // ln 10^4, rounded up.
  Ppm share_per_party{333'333};  // Of one executor's evidence, by one developer, TA or validator.
  uint32_t accusations_in_flight_max = 32;  // Per validator.
  Ppm recheck_rate{100'000};                // Of passes, by another validator.
  uint32_t challenges_in_flight_max = 8;    // Per developer.
  GONKA_FIELDS(CheckParams, rate_max, rate_floor, rate_half, traffic_cut, traffic_half,
               traffic_full, checks_per_epoch_min, committee_seats, voters_min, hearing_sample,
               evidence_min_millinats, evidence_max_millinats, alarm_millinats,
               conviction_millinats, share_per_party, accusations_in_flight_max, recheck_rate,
               challenges_in_flight_max)
};

struct ReputationParams {
  uint32_t epochs_to_full = 30;
  uint32_t passes_min = 3;        // For an epoch to count as clean.
  Ppm miss_rate{100'000};         // What bad luck explains.
  uint32_t miss_sample_min = 20;  // Counts carry over until there are so many.
  uint32_t convictions_to_remove = 3;
  Ppm slash{200'000};  // Of the collateral, at a conviction.
  GONKA_FIELDS(ReputationParams, epochs_to_full, passes_min, miss_rate, miss_sample_min,
               convictions_to_remove, slash)
};

struct MoneyParams {
  Amount emission_initial{285'000'000'000'000};  // Of epoch 0; decays by e^-0.000475 an epoch.
  Ppm fee_executor{800'000};
  Ppm fee_ta{100'000};                       // On Delivered.
  Ppm fee_validators{100'000};               // The three sum to one.
  Ppm weight_cap{300'000};                   // 50 % and 40 % for two and three participants.
  Amount collateral_min{1'000'000'000'000};  // To register: 1,000 coins.
  uint64_t newcomer_weight = 100;            // Of a participant that is not in genesis.
  // 20 coins, held from a validator's collateral while it accuses, and lost by who passes unseen
  // what is wrong: far above the price of an answer (doc/economy.md).
  Amount accusation_bond{20'000'000'000};
  Amount challenge_bond{
      1'000'000'000};             // Held from a developer's balance, beside the record's cost.
  uint32_t unbonding_epochs = 1;  // Settled, from a withdrawal on, before collateral comes back.
  uint32_t vesting_epochs = 0;    // Over which emission is released; 0: at once.
  Amount refused_event_fee{1'000'000};  // A thousandth of a coin, of whoever says what is refused.
  GONKA_FIELDS(MoneyParams, emission_initial, fee_executor, fee_ta, fee_validators, weight_cap,
               collateral_min, newcomer_weight, accusation_bond, challenge_bond, unbonding_epochs,
               vesting_epochs, refused_event_fee)
};

// How the price of a token follows the use of a model (rewards/price.h).
struct PricingParams {
  Ppm stable_from{400'000};  // Use between these two leaves the price alone.
  Ppm stable_to{600'000};
  Ppm elasticity{50'000};       // Change for each whole of use outside.
  Ppm step_max{20'000};         // A block's change.
  uint32_t epoch_factor = 2;    // Times, at most, up or down within an epoch.
  uint32_t window_blocks = 12;  // Use is averaged over about so many.
  GONKA_FIELDS(PricingParams, stable_from, stable_to, elasticity, step_max, epoch_factor,
               window_blocks)
};

// Proposals and votes on them. Lengths in blocks.
struct GovernanceParams {
  uint32_t vote_blocks = 17'280;    // From the proposal to the end of the vote.
  uint32_t notice_blocks = 17'280;  // From the end of the vote to activation, at least.
  Amount deposit{1'000'000'000};    // Comes back unless hardly anybody approves.
  Ppm deposit_return{333'333};      // Of all weight, approving, brings the deposit back.
  uint32_t open_max = 16;           // Proposals in their vote at a time.
  GONKA_FIELDS(GovernanceParams, vote_blocks, notice_blocks, deposit, deposit_return, open_max)
};

// Weight is earned: all compute at once, the end of an epoch decides about the weights of the next
// (doc/protocol.md, "Sprint"). Lengths in blocks.
struct SprintParams {
  uint32_t lead_blocks = 0;     // It begins so long before an epoch's end; 0: weights stay.
  uint32_t window_blocks = 60;  // To compute and commit, from the draw of the inputs.
  uint32_t check_blocks =
      60;  // To recompute a sample; three times with substitutes, and in an appeal.
  uint32_t reveal_blocks = 12;
  uint32_t input_tokens = 512;  // Of one input, or the model's context where that is less.
  uint32_t positions = 16;      // The last ones of an input, whose scores are its result.
  uint32_t samples = 16;        // Of each commit.
  uint32_t checkers = 3;        // Of each commit.
  Ppm share_min{900'000};  // Of the samples: a checker that can reproduce fewer fails the commit.
  Ppm quorum{500'000};     // Of the epoch's weight: where those who commit have less, weights stay.
  GONKA_FIELDS(SprintParams, lead_blocks, window_blocks, check_blocks, reveal_blocks, input_tokens,
               positions, samples, checkers, share_min, quorum)
};

struct Params {
  TimeParams time;
  CheckParams check;
  ReputationParams reputation;
  MoneyParams money;
  uint32_t request_sequence_ahead = 32;
  uint32_t block_interval_ms = 5'000;  // What the sequencer aims at; no rule depends on it.
  PricingParams pricing;
  GovernanceParams governance;
  SprintParams sprint;
  GONKA_FIELDS(Params, time, check, reputation, money, request_sequence_ahead, block_interval_ms,
               pricing, governance, sprint)
};

// How answers of one model are judged: the result of a calibration, read by validators
// (verify/calibration.h), carried by the ledger so that all judge alike.
struct ModelInfo {
  ModelId id;
  Text<128> name;  // What clients put into "model".
  // Per token, prompt and output alike: where the network or the model begins; it moves with use.
  Amount price;
  uint32_t context = 0;  // Prompt and output together.
  uint32_t top_k = 5;    // Of the artifact.
  Blob<65'536> calibration;
  // Tokens a block that count as full use, over the whole network; 0: the price stays.
  uint64_t capacity_tokens = 0;
  Amount price_floor{1};
  Amount price_ceiling{uint64_t{1} << 40};
  // Weight of one proven input of a Sprint, in millionths: what an input costs to compute, compared
  // with those of other models. 0: nobody earns weight with it.
  uint32_t sprint_weight = 1'000'000;
  GONKA_FIELDS(ModelInfo, id, name, price, context, top_k, calibration, capacity_tokens,
               price_floor, price_ceiling, sprint_weight)
};

struct GenesisParticipant {
  AccountId id;
  Text<256> endpoint;
  uint64_t weight = 0;
  List<ModelId, 16> models;  // Ascending.
  Hash beacon_chain_end;
  Amount collateral;
  GONKA_FIELDS(GenesisParticipant, id, endpoint, weight, models, beacon_chain_end, collateral)
};

struct GenesisAccount {
  AccountId id;
  Amount balance;
  GONKA_FIELDS(GenesisAccount, id, balance)
};

struct Genesis {
  static constexpr RecordKind kKind{7, 1};
  Text<64> name;
  uint64_t time_us = 0;
  Params params;
  List<ModelInfo, 64> models;                   // Ascending by id.
  List<GenesisParticipant, 4096> participants;  // Ascending by id.
  List<GenesisAccount, 65'536> accounts;        // Ascending by id.
  AccountId sequencer;                          // Orders blocks; a participant.
  GONKA_FIELDS(Genesis, name, time_us, params, models, participants, accounts, sequencer)
};
NetworkId NetworkIdOf(const Genesis& genesis);
// Names the first field that contradicts another or is out of bounds.
absl::Status CheckGenesis(const Genesis& genesis);
// The same of parts that are proposed later.
absl::Status CheckBounds(const Params& params);
absl::Status CheckBounds(const ModelInfo& model);

}  // namespace gonka
