#include "gonka/node/keep.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

template <class T>
void Answer(Reply& reply, const T& message) {
  reply.Send(Encode(message));
  reply.Finish(absl::OkStatus());
}

bool HasBallot(const ledger::Case& open_case, const AccountId& account) {
  return std::any_of(open_case.ballots.begin(), open_case.ballots.end(),
                     [&](const ledger::Ballot& ballot) { return ballot.voter == account; });
}

bool IsAboutRecord(const ledger::Case& open_case, const InferenceId& inference) {
  return std::find(open_case.records.begin(), open_case.records.end(), inference) !=
         open_case.records.end();
}

}  // namespace

namespace {

// Whose window has begun, or begins within two blocks: nodes need not be at the same height.
bool IsValidatorsTurn(const ledger::View& view, const ledger::InferenceRecord& record,
                      const AccountId& account) {
  constexpr uint64_t kHeightSlack = 2;
  if (!record.check_selected || record.settled) return false;
  const std::vector<AccountId> order = ledger::ValidatorOrder(view, record);
  const auto found = std::find(order.begin(), order.end(), account);
  if (found == order.end()) return false;
  const uint64_t height = ledger::ReadChain(view).height + kHeightSlack;
  const uint64_t window = ledger::ReadParams(view).time.check_window_blocks;
  const uint64_t since = height - std::min(height, record.turn_height);
  return static_cast<uint64_t>(found - order.begin()) <= record.turn + since / window;
}

}  // namespace

bool IsOnDuty(const ledger::View& view, const InferenceId& inference, const AccountId& account) {
  const auto record = ledger::FindRecord(view, inference);
  if (!record) return false;
  if (record->assignment.executor == account || record->assignment.request.ta == account)
    return true;
  if (IsValidatorsTurn(view, *record, account)) return true;
  for (const auto& [id, open_case] : ledger::ListOpenCases(view)) {
    if (IsAboutRecord(open_case, inference) && HasBallot(open_case, account)) return true;
  }
  return false;
}

KeepServer::KeepServer(Environment env, LedgerPort ledger, Keep& keep)
    : env_(env), ledger_(std::move(ledger)), keep_(keep) {}

absl::StatusOr<Keep::Item> KeepServer::Find(const Hash& caller,
                                            const InferenceId& inference) const {
  if (!IsOnDuty(*ledger_.snapshot(), inference, AccountId{caller})) {
    return absl::PermissionDeniedError(
        fmt::format("{} has no duty for inference {}", Hex(caller), Hex(inference)));
  }
  std::optional<Keep::Item> item = keep_.Get(inference);
  if (!item)
    return absl::NotFoundError(fmt::format("inference {} is not kept here", Hex(inference)));
  return *std::move(item);
}

void KeepServer::OnPayload(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  const auto query = Decode<InferenceQuery>(request);
  if (!query.ok()) return reply->Finish(query.status());
  const auto item = Find(caller, query->inference);
  if (!item.ok()) return reply->Finish(item.status());
  Answer(*reply, KeptPayload{.payload = item->payload, .kernel_class = item->kernel_class});
}

void KeepServer::OnOpen(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  const auto query = Decode<OpenArtifact>(request);
  if (!query.ok()) return reply->Finish(query.status());
  // Without the caller's own scores, signed, it could copy what it is about to be shown.
  if (!ledger::SigningKeyOf(*ledger_.snapshot(), AccountId{caller},
                            ScoresSigningHash(query->inference, query->scores_root),
                            query->signature)) {
    return reply->Finish(absl::PermissionDeniedError(fmt::format(
        "scores of {} for inference {} are not signed", Hex(caller), Hex(query->inference))));
  }
  const auto item = Find(caller, query->inference);
  if (!item.ok()) return reply->Finish(item.status());
  const auto opening = verify::OpenLeaves(item->artifact, item->payload.output, query->leaves);
  if (!opening.ok()) return reply->Finish(opening.status());
  Answer(*reply, *opening);
}

void KeepServer::OnBlock(const BlockFacts& block) {
  for (const Notice& notice : block.notices) {
    // Kept until one epoch after settlement.
    const auto* settled = std::get_if<EpochSettled>(&notice);
    if (settled != nullptr && settled->epoch > 0) keep_.DropEpoch(settled->epoch - 1);
  }
}

}  // namespace gonka::node
