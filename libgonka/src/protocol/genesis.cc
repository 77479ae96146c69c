#include "gonka/protocol/genesis.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/protocol/sprint.h"
#include "protocol/bounds.h"

namespace gonka {
namespace {

constexpr uint64_t kPriceMax = uint64_t{1} << 43;  // rewards::FinePrice's.
constexpr uint64_t kCapacityMax = uint64_t{1} << 40;
constexpr uint32_t kSprintWeightMax = 1'000'000'000;  // A thousand times that of a small model.

template <class List, class KeyOf>
absl::Status CheckAscending(const List& list, const char* what, KeyOf key_of) {
  for (size_t i = 1; i < list.size(); ++i) {
    if (!(key_of(list[i - 1]) < key_of(list[i]))) {
      return absl::InvalidArgumentError(
          fmt::format("genesis: {} must ascend by id without repeats; number {} is {}", what, i,
                      Hex(key_of(list[i]))));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPositive(uint64_t value, const char* field) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} must be positive, is 0", field));
}

absl::Status CheckAtMostOne(Ppm part, const char* field) {
  if (part.value <= Ppm::kOne) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} must be at most {} ppm, is {}", field, Ppm::kOne, part.value));
}

absl::Status CheckTimes(const TimeParams& time) {
  GONKA_RETURN_IF_ERROR(CheckPositive(time.epoch_blocks, "time.epoch_blocks"));
  GONKA_RETURN_IF_ERROR(CheckPositive(time.check_window_blocks, "time.check_window_blocks"));
  GONKA_RETURN_IF_ERROR(CheckPositive(time.vote_window_blocks, "time.vote_window_blocks"));
  GONKA_RETURN_IF_ERROR(CheckPositive(time.hearing_window_blocks, "time.hearing_window_blocks"));
  GONKA_RETURN_IF_ERROR(
      CheckPositive(time.expiry_tokens_per_block, "time.expiry_tokens_per_block"));
  if (time.settle_blocks >= time.epoch_blocks || time.grace_blocks >= time.settle_blocks) {
    return absl::InvalidArgumentError(
        fmt::format("needs time.grace_blocks < settle_blocks < epoch_blocks, has {}, {}, {}",
                    time.grace_blocks, time.settle_blocks, time.epoch_blocks));
  }
  return absl::OkStatus();
}

absl::Status CheckMoney(const MoneyParams& money) {
  const uint64_t parts =
      uint64_t{money.fee_executor.value} + money.fee_ta.value + money.fee_validators.value;
  if (parts != Ppm::kOne) {
    return absl::InvalidArgumentError(
        fmt::format("the fee parts must sum to {} ppm, sum to {}", Ppm::kOne, parts));
  }
  if (money.weight_cap.value == 0 || money.weight_cap.value > Ppm::kOne) {
    return absl::InvalidArgumentError(
        fmt::format("money.weight_cap must be in 1..{}, is {}", Ppm::kOne, money.weight_cap.value));
  }
  return absl::OkStatus();
}

absl::Status CheckChecks(const CheckParams& check) {
  GONKA_RETURN_IF_ERROR(CheckPositive(check.committee_seats, "check.committee_seats"));
  if (check.committee_seats > 64 || check.hearing_sample > 16) {
    return absl::InvalidArgumentError(
        fmt::format("at most 64 committee seats and 16 sampled records, has {} and {}",
                    check.committee_seats, check.hearing_sample));
  }
  if (check.traffic_cut >= check.traffic_half || check.traffic_half >= check.traffic_full) {
    return absl::InvalidArgumentError(
        fmt::format("needs check.traffic_cut < traffic_half < traffic_full, has {}, {}, {}",
                    check.traffic_cut, check.traffic_half, check.traffic_full));
  }
  const bool falling = check.rate_floor <= check.rate_half && check.rate_half <= check.rate_max &&
                       check.rate_max.value <= Ppm::kOne;
  if (!falling) {
    return absl::InvalidArgumentError(fmt::format(
        "needs check.rate_floor <= rate_half <= rate_max <= {} ppm, has {}, {}, {}", Ppm::kOne,
        check.rate_floor.value, check.rate_half.value, check.rate_max.value));
  }
  return absl::OkStatus();
}

absl::Status CheckEvidence(const CheckParams& check) {
  GONKA_RETURN_IF_ERROR(CheckAtMostOne(check.share_per_party, "check.share_per_party"));
  if (check.evidence_min_millinats > 0 || check.evidence_max_millinats < 0) {
    return absl::InvalidArgumentError(
        fmt::format("needs check.evidence_min_millinats <= 0 <= evidence_max_millinats, has {}, {}",
                    check.evidence_min_millinats, check.evidence_max_millinats));
  }
  if (check.alarm_millinats <= 0 || check.conviction_millinats <= 0) {
    return absl::InvalidArgumentError(fmt::format(
        "check.alarm_millinats and conviction_millinats must be positive, are {} and {}",
        check.alarm_millinats, check.conviction_millinats));
  }
  return absl::OkStatus();
}

absl::Status CheckReputation(const ReputationParams& reputation) {
  GONKA_RETURN_IF_ERROR(CheckPositive(reputation.epochs_to_full, "reputation.epochs_to_full"));
  GONKA_RETURN_IF_ERROR(CheckAtMostOne(reputation.miss_rate, "reputation.miss_rate"));
  return CheckAtMostOne(reputation.slash, "reputation.slash");
}

// A bitmap of 64 remembers which request sequences are used.
absl::Status CheckRequestWindow(uint32_t ahead) {
  if (ahead >= 1 && ahead <= 64) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("request_sequence_ahead must be in 1..64, is {}", ahead));
}

absl::Status CheckPricing(const PricingParams& pricing) {
  if (pricing.stable_from <= pricing.stable_to) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("needs pricing.stable_from <= stable_to, has {} and {}",
                  pricing.stable_from.value, pricing.stable_to.value));
}

// Two draws, the checks with their substitutes and an appeal end within the epoch.
absl::Status CheckSprint(const SprintParams& sprint, const TimeParams& time) {
  if (sprint.lead_blocks == 0) return absl::OkStatus();
  const uint64_t needed = SprintBlocks(sprint);
  if (sprint.lead_blocks < needed || sprint.lead_blocks >= time.epoch_blocks) {
    return absl::InvalidArgumentError(
        fmt::format("needs {} <= sprint.lead_blocks < time.epoch_blocks of {}, or 0, has {}",
                    needed, time.epoch_blocks, sprint.lead_blocks));
  }
  if (sprint.positions >= sprint.input_tokens) {
    return absl::InvalidArgumentError(
        fmt::format("needs sprint.positions < input_tokens, has {}, {}", sprint.positions,
                    sprint.input_tokens));
  }
  return absl::OkStatus();
}

absl::Status CheckModels(const Genesis& genesis) {
  GONKA_RETURN_IF_ERROR(
      CheckAscending(genesis.models, "models", [](const ModelInfo& model) { return model.id; }));
  for (const ModelInfo& model : genesis.models) {
    if (const absl::Status status = CheckBounds(model); !status.ok()) {
      return Annotate(status, "genesis");
    }
    const auto has_its_name = [&](const ModelInfo& other) { return other.name == model.name; };
    if (std::count_if(genesis.models.begin(), genesis.models.end(), has_its_name) > 1) {
      return absl::InvalidArgumentError(fmt::format("genesis: two models have the name '{}'",
                                                    static_cast<const std::string&>(model.name)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckParticipants(const Genesis& genesis) {
  GONKA_RETURN_IF_ERROR(CheckAscending(genesis.participants, "participants",
                                       [](const GenesisParticipant& p) { return p.id; }));
  bool has_sequencer = false;
  for (const GenesisParticipant& participant : genesis.participants) {
    has_sequencer = has_sequencer || participant.id == genesis.sequencer;
    GONKA_RETURN_IF_ERROR(CheckAscending(participant.models, "a participant's models",
                                         [](const ModelId& id) { return id; }));
    for (const ModelId& id : participant.models) {
      const bool known = std::any_of(genesis.models.begin(), genesis.models.end(),
                                     [&](const ModelInfo& model) { return model.id == id; });
      if (!known) {
        return absl::InvalidArgumentError(fmt::format(
            "genesis: participant {} serves unknown model {}", Hex(participant.id), Hex(id)));
      }
    }
  }
  if (!has_sequencer) {
    return absl::InvalidArgumentError(
        fmt::format("genesis: the sequencer {} is no participant", Hex(genesis.sequencer)));
  }
  return absl::OkStatus();
}

// All coins and all weight must stay summable in 64 bits.
absl::Status CheckTotals(const Genesis& genesis) {
  std::optional<Amount> coins = Amount(0);
  uint64_t weight = 0;
  for (const GenesisAccount& account : genesis.accounts) {
    if (coins) coins = CheckedAdd(*coins, account.balance);
  }
  for (const GenesisParticipant& participant : genesis.participants) {
    if (coins) coins = CheckedAdd(*coins, participant.collateral);
    if (participant.weight > (uint64_t{1} << 48)) {
      return absl::InvalidArgumentError(
          fmt::format("genesis: weight {} of participant {} is above 2^48", participant.weight,
                      Hex(participant.id)));
    }
    weight += participant.weight;
  }
  if (!coins) return absl::InvalidArgumentError("genesis: all coins together exceed 2^62");
  return Annotate(CheckPositive(weight, "the participants' total weight"), "genesis");
}

}  // namespace

NetworkId NetworkIdOf(const Genesis& genesis) {
  return NetworkId{TaggedHash("gonka/network/1", genesis)};
}

absl::Status CheckBounds(const ModelInfo& model) {
  const std::string& name = model.name;
  if (name.empty() || model.price == Amount(0) || model.context == 0 || model.top_k == 0 ||
      model.top_k > 20) {
    return absl::InvalidArgumentError(fmt::format(
        "model '{}' needs a name, a price (has {}), a context (has {}) and top_k in 1..20 (has {})",
        name, model.price.units(), model.context, model.top_k));
  }
  const bool in_order = Amount(0) < model.price_floor && model.price_floor <= model.price &&
                        model.price <= model.price_ceiling &&
                        model.price_ceiling.units() <= kPriceMax;
  if (!in_order) {
    return absl::InvalidArgumentError(fmt::format(
        "model '{}' needs 0 < price_floor <= price <= price_ceiling <= {}, has {}, {}, {}", name,
        kPriceMax, model.price_floor.units(), model.price.units(), model.price_ceiling.units()));
  }
  if (model.capacity_tokens > kCapacityMax) {
    return absl::InvalidArgumentError(fmt::format("model '{}' needs capacity_tokens <= {}, has {}",
                                                  name, kCapacityMax, model.capacity_tokens));
  }
  if (model.sprint_weight > kSprintWeightMax) {
    return absl::InvalidArgumentError(fmt::format("model '{}' needs sprint_weight <= {}, has {}",
                                                  name, kSprintWeightMax, model.sprint_weight));
  }
  return absl::OkStatus();
}

absl::Status CheckBounds(const Params& params) {
  GONKA_RETURN_IF_ERROR(CheckTimes(params.time));
  GONKA_RETURN_IF_ERROR(CheckMoney(params.money));
  GONKA_RETURN_IF_ERROR(CheckChecks(params.check));
  GONKA_RETURN_IF_ERROR(CheckEvidence(params.check));
  GONKA_RETURN_IF_ERROR(CheckReputation(params.reputation));
  GONKA_RETURN_IF_ERROR(CheckRequestWindow(params.request_sequence_ahead));
  GONKA_RETURN_IF_ERROR(CheckPricing(params.pricing));
  GONKA_RETURN_IF_ERROR(CheckSprint(params.sprint, params.time));
  return CheckEachBound(params);
}

absl::Status CheckGenesis(const Genesis& genesis) {
  if (genesis.name.empty()) return absl::InvalidArgumentError("genesis: the name is empty");
  if (const absl::Status status = CheckBounds(genesis.params); !status.ok()) {
    return Annotate(status, "genesis");
  }
  GONKA_RETURN_IF_ERROR(CheckModels(genesis));
  GONKA_RETURN_IF_ERROR(CheckParticipants(genesis));
  GONKA_RETURN_IF_ERROR(CheckAscending(genesis.accounts, "accounts",
                                       [](const GenesisAccount& account) { return account.id; }));
  return CheckTotals(genesis);
}

}  // namespace gonka
