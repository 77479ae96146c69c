#include "ledger/members.h"

#include <algorithm>

namespace gonka::ledger {

std::optional<size_t> MemberIndex(const EpochTable& table, const AccountId& id) {
  const auto found =
      std::lower_bound(table.members.begin(), table.members.end(), id,
                       [](const Member& member, const AccountId& key) { return member.id < key; });
  if (found == table.members.end() || found->id != id) return std::nullopt;
  return static_cast<size_t>(found - table.members.begin());
}

bool Serves(const Member& member, const ModelId& model) {
  return std::binary_search(member.models.begin(), member.models.end(), model);
}

std::vector<uint64_t> WeightsServing(const EpochTable& table, const ModelId& model) {
  std::vector<uint64_t> weights;
  weights.reserve(table.members.size());
  for (const Member& member : table.members) {
    weights.push_back(Serves(member, model) ? member.weight : 0);
  }
  return weights;
}

std::vector<uint64_t> WeightsServingBut(const EpochTable& table, const ModelId& model,
                                        std::span<const AccountId> excluded) {
  std::vector<uint64_t> weights = WeightsServing(table, model);
  for (const AccountId& id : excluded) {
    if (const std::optional<size_t> index = MemberIndex(table, id)) weights[*index] = 0;
  }
  return weights;
}

size_t CountServingBut(const EpochTable& table, const ModelId& model, const AccountId& but) {
  return static_cast<size_t>(
      std::count_if(table.members.begin(), table.members.end(), [&](const Member& member) {
        return member.id != but && member.weight > 0 && Serves(member, model);
      }));
}

bool SomeoneElseServes(const EpochTable& table, const ModelId& model, const AccountId& but) {
  return std::any_of(table.members.begin(), table.members.end(), [&](const Member& member) {
    return member.id != but && member.weight > 0 && Serves(member, model);
  });
}

}  // namespace gonka::ledger
