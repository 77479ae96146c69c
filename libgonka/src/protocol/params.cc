// Parameters by name, and the bounds of each: what no network may have, whether it is written into
// a genesis or proposed later.

#include <fmt/format.h>

#include <utility>

#include "gonka/base/codec.h"
#include "gonka/protocol/governance.h"
#include "protocol/bounds.h"

namespace gonka {
namespace {

// Every parameter of a record with its path; Params is const or not.
template <class Record, class Visit>
void VisitParams(Record& record, const std::string& prefix, const Visit& visit) {
  const auto step = [&](const auto& field) {
    auto& value = record.*field.member;
    const std::string name = prefix + field.name;
    if constexpr (codec::Record<std::remove_cvref_t<decltype(value)>>) {
      VisitParams(value, name + ".", visit);
    } else {
      visit(name, value);
    }
  };
  std::remove_const_t<Record>::VisitFields([&](const auto&... field) { (step(field), ...); });
}

int64_t ValueOf(Amount amount) {
  return static_cast<int64_t>(amount.units());
}
int64_t ValueOf(Ppm part) {
  return part.value;
}
template <std::integral T>
int64_t ValueOf(T value) {
  // Only traffic and weights have 64 bits, and no bound lets them come near this.
  return static_cast<int64_t>(std::min<uint64_t>(static_cast<uint64_t>(value), INT64_MAX));
}
int64_t ValueOf(int32_t value) {
  return value;
}

template <class T>
bool Assign(T& target, int64_t value) {
  if constexpr (std::is_same_v<T, Amount>) {
    if (value < 0 || static_cast<uint64_t>(value) > Amount::kMax) return false;
    target = Amount(static_cast<uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Ppm>) {
    return Assign(target.value, value);
  } else {
    if (!std::in_range<T>(value)) return false;
    target = static_cast<T>(value);
  }
  return true;
}

struct Bound {
  const char* name;
  int64_t least;
  int64_t most;
};

constexpr int64_t kBlocksMax = 100'000'000;  // Some fifteen years of blocks of five seconds.
constexpr int64_t kCountMax = 1'000'000'000;
constexpr int64_t kCoinsMax = int64_t{1} << 62;
constexpr int64_t kOne = Ppm::kOne;

constexpr Bound kBounds[] = {
    {"time.epoch_blocks", 1, kBlocksMax},
    {"time.settle_blocks", 0, kBlocksMax},
    {"time.grace_blocks", 0, kBlocksMax},
    {"time.check_window_blocks", 1, kBlocksMax},
    {"time.vote_window_blocks", 1, kBlocksMax},
    {"time.hearing_window_blocks", 1, kBlocksMax},
    {"time.expiry_base_blocks", 0, kBlocksMax},
    {"time.expiry_tokens_per_block", 1, kCountMax},
    {"time.retained_epochs", 0, 10'000},
    {"time.maintenance_notice_blocks", 0, kBlocksMax},
    {"time.maintenance_blocks_max", 0, kBlocksMax},
    {"time.maintenance_gap_blocks", 0, kBlocksMax},
    {"check.rate_max", 0, kOne},
    {"check.rate_floor", 0, kOne},
    {"check.rate_half", 0, kOne},
    {"check.traffic_cut", 0, int64_t{1} << 48},
    {"check.traffic_half", 1, int64_t{1} << 48},
    {"check.traffic_full", 2, int64_t{1} << 48},
    {"check.checks_per_epoch_min", 0, kCountMax},
    {"check.committee_seats", 1, 64},
    {"check.voters_min", 0, 64},
    {"check.hearing_sample", 0, 16},
    {"check.evidence_min_millinats", -100'000, 0},
    {"check.evidence_max_millinats", 0, 100'000},
    {"check.alarm_millinats", 1, kCountMax},
    {"check.conviction_millinats", 1, kCountMax},
    {"check.share_per_party", 0, kOne},
    {"check.accusations_in_flight_max", 0, kCountMax},
    {"check.recheck_rate", 0, kOne},
    {"check.challenges_in_flight_max", 0, kCountMax},
    {"reputation.epochs_to_full", 1, kCountMax},
    {"reputation.passes_min", 0, kCountMax},
    {"reputation.miss_rate", 0, kOne},
    {"reputation.miss_sample_min", 0, kCountMax},
    {"reputation.convictions_to_remove", 0, kCountMax},
    {"reputation.slash", 0, kOne},
    {"money.emission_initial", 0, kCoinsMax},
    {"money.fee_executor", 0, kOne},
    {"money.fee_ta", 0, kOne},
    {"money.fee_validators", 0, kOne},
    {"money.weight_cap", 1, kOne},
    {"money.collateral_min", 0, kCoinsMax},
    {"money.newcomer_weight", 0, int64_t{1} << 48},
    {"money.accusation_bond", 0, kCoinsMax},
    {"money.challenge_bond", 0, kCoinsMax},
    {"money.unbonding_epochs", 0, 10'000},
    {"money.vesting_epochs", 0, 512},
    {"money.refused_event_fee", 0, kCoinsMax},
    {"request_sequence_ahead", 1, 64},
    {"block_interval_ms", 0, 3'600'000},
    {"pricing.stable_from", 0, 10 * kOne},
    {"pricing.stable_to", 0, 10 * kOne},
    {"pricing.elasticity", 0, 10 * kOne},
    {"pricing.step_max", 0, 20'000},  // At most 2 % a block,
    {"pricing.epoch_factor", 1, 2},   // and twice, or half, in an epoch.
    {"pricing.window_blocks", 1, 1'024},
    {"governance.vote_blocks", 1, kBlocksMax},
    {"governance.notice_blocks", 0, kBlocksMax},
    {"governance.deposit", 0, kCoinsMax},
    {"governance.deposit_return", 0, kOne},
    {"governance.open_max", 1, 256},
    {"sprint.lead_blocks", 0, kBlocksMax},
    {"sprint.window_blocks", 1, kBlocksMax},
    {"sprint.check_blocks", 1, kBlocksMax},
    {"sprint.reveal_blocks", 1, kBlocksMax},
    {"sprint.input_tokens", 2, 131'072},
    {"sprint.positions", 1, 32},  // One leaf of an artifact.
    {"sprint.samples", 1, 64},
    {"sprint.checkers", 1, 16},
    {"sprint.share_min", 1, kOne},
    {"sprint.quorum", 0, kOne},
};

const Bound* BoundOf(const std::string& name) {
  for (const Bound& bound : kBounds) {
    if (name == bound.name) return &bound;
  }
  return nullptr;
}

}  // namespace

absl::Status CheckEachBound(const Params& params) {
  absl::Status status;
  VisitParams(params, "", [&](const std::string& name, const auto& value) {
    const Bound* bound = BoundOf(name);
    GONKA_CHECK(bound != nullptr);  // Every parameter has one.
    const int64_t given = ValueOf(value);
    if (!status.ok() || (given >= bound->least && given <= bound->most)) return;
    status = absl::InvalidArgumentError(
        fmt::format("{} must be in {}..{}, is {}", name, bound->least, bound->most, given));
  });
  return status;
}

absl::Status SetParam(Params& params, const ParamChange& change) {
  const std::string& wanted = change.name;
  bool found = false;
  bool fits = false;
  VisitParams(params, "", [&](const std::string& name, auto& value) {
    if (name != wanted) return;
    found = true;
    fits = Assign(value, change.value);
  });
  if (!found) return absl::NotFoundError(fmt::format("there is no parameter '{}'", wanted));
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("parameter {} cannot be {}", wanted, change.value));
}

std::vector<ParamChange> ListParams(const Params& params) {
  std::vector<ParamChange> list;
  VisitParams(params, "", [&](const std::string& name, const auto& value) {
    list.push_back({.name = Text<64>(name), .value = ValueOf(value)});
  });
  return list;
}

}  // namespace gonka
