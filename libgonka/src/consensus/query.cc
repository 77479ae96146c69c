#include <fmt/format.h>

#include "gonka/consensus/application.h"
#include "gonka/store/proofs.h"

namespace gonka::consensus {
namespace {

// Reads what the path asks for; the answer is complete but for the proof.
struct Answer {
  Bytes value;
  std::function<absl::StatusOr<InclusionProof>()> prove;
};

absl::Status Malformed(const Query& query) {
  return absl::InvalidArgumentError(
      fmt::format("query {} has malformed data: {}", query.path, Hex(query.data)));
}

absl::StatusOr<Answer> AskState(const store::Snapshot& snapshot, const Query& query) {
  std::optional<Bytes> value = snapshot.Get(query.data);
  GONKA_RETURN_IF_ERROR(snapshot.status());
  if (!value) return absl::NotFoundError(fmt::format("state key {} is empty", Hex(query.data)));
  return Answer{*std::move(value), [&] { return store::ProveState(snapshot, query.data); }};
}

absl::StatusOr<Answer> AskNotice(const store::Snapshot& snapshot, const Query& query) {
  Reader in(query.data);
  const auto height = in.Int<uint64_t>();
  const auto index = in.Int<uint32_t>();
  if (in.failed() || in.remaining() != 0) return Malformed(query);
  GONKA_ASSIGN_OR_RETURN(const Notice notice, snapshot.GetNotice(height, index));
  return Answer{Encode(notice),
                [&snapshot, height, index] { return store::ProveNotice(snapshot, height, index); }};
}

absl::StatusOr<Answer> AskReceipt(const store::Snapshot& snapshot, const Query& query) {
  Reader in(query.data);
  TxHash tx;
  codec::Read(in, tx);
  const auto index = in.Int<uint32_t>();
  if (in.failed() || in.remaining() != 0) return Malformed(query);
  GONKA_ASSIGN_OR_RETURN(const store::TxPosition position, snapshot.FindTx(tx));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Receipt> receipts,
                         snapshot.GetReceipts(position.height));
  for (const Receipt& receipt : receipts) {
    if (receipt.tx != tx || receipt.index != index) continue;
    return Answer{Encode(receipt),
                  [&snapshot, tx, index] { return store::ProveReceipt(snapshot, tx, index); }};
  }
  return absl::NotFoundError(fmt::format("transaction {} has no event number {}", Hex(tx), index));
}

absl::StatusOr<Answer> AskBlock(const store::Snapshot& snapshot, const Query& query) {
  Reader in(query.data);
  const auto height = in.Int<uint64_t>();
  if (in.failed() || in.remaining() != 0) return Malformed(query);
  GONKA_ASSIGN_OR_RETURN(const Block block, snapshot.GetBlock(height));
  return Answer{Encode(block), nullptr};
}

absl::StatusOr<Answer> Ask(const store::Snapshot& snapshot, const Query& query) {
  if (query.path == "state") return AskState(snapshot, query);
  if (query.path == "notice") return AskNotice(snapshot, query);
  if (query.path == "receipt") return AskReceipt(snapshot, query);
  if (query.path == "block") return AskBlock(snapshot, query);
  return absl::InvalidArgumentError(fmt::format(
      "unknown query path \"{}\": state, notice, receipt and block are known", query.path));
}

}  // namespace

absl::StatusOr<QueryResult> Application::Query(const consensus::Query& query) const {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, database_.Snapshot());
  GONKA_ASSIGN_OR_RETURN(Answer answer, Ask(*snapshot, query));
  QueryResult result{
      .height = snapshot->height(), .value = std::move(answer.value), .proof = std::nullopt};
  if (!query.prove) return result;
  if (!answer.prove) {
    return absl::InvalidArgumentError(fmt::format("query {} has no proof", query.path));
  }
  GONKA_ASSIGN_OR_RETURN(result.proof, answer.prove());
  return result;
}

}  // namespace gonka::consensus
