#include "ledger/executor_draw.h"

#include <numeric>

#include "gonka/select/draw.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

Hash SeedOf(const ExecutorDraw& draw, uint8_t attempt) {
  return TaggedHash("gonka/draw/executor/1", draw.table.beacon, draw.salt, draw.developer, draw.ta,
                    draw.sequence, attempt);
}

// The slow path: those who were drawn before are out.
std::optional<size_t> DrawAgain(const ExecutorDraw& draw, uint8_t attempt, size_t ta,
                                std::span<const size_t> drawn) {
  std::vector<uint64_t> weights = WeightsServing(draw.table, draw.model);
  weights[ta] = 0;
  for (size_t index : drawn) weights[index] = 0;
  if (std::accumulate(weights.begin(), weights.end(), uint64_t{0}) == 0) return std::nullopt;
  return select::DrawWeighted(SeedOf(draw, attempt), weights);
}

}  // namespace

std::variant<std::vector<size_t>, TxCode> DrawExecutors(const ExecutorDraw& draw, uint8_t attempt) {
  if (attempt >= kAttemptsMax) return TxCode::kWrongAttempt;
  if (draw.salt.IsZero()) return TxCode::kAllowanceNotReady;
  const std::optional<size_t> ta = MemberIndex(draw.table, draw.ta);
  if (!ta) return TxCode::kWrongTransferAgent;
  std::vector<size_t> drawn;
  for (uint8_t i = 0; i <= attempt; ++i) {
    const std::optional<size_t> next =
        i == 0 ? draw.serving.DrawExcept(SeedOf(draw, 0), *ta) : DrawAgain(draw, i, *ta, drawn);
    if (!next) return TxCode::kNotServed;
    drawn.push_back(*next);
  }
  return drawn;
}

}  // namespace gonka::ledger
