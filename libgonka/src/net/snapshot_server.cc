#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "gonka/base/json.h"
#include "gonka/http/frames.h"
#include "gonka/ledger/queries.h"
#include "gonka/net/snapshots.h"

namespace gonka::net {
namespace {

namespace fs = std::filesystem;

constexpr int kChunksMax = 16;

void Refuse(http::Responder& responder, int status, const std::string& why) {
  responder.Send({.status = status,
                  .content_type = "application/json",
                  .body = fmt::format("{{\"error\":{}}}\n", JsonQuote(why)),
                  .headers = {}});
}

void SendBytes(http::Responder& responder, std::string bytes) {
  responder.Send({.status = 200,
                  .content_type = http::kFramesContentType,
                  .body = std::move(bytes),
                  .headers = {}});
}

}  // namespace

SnapshotServer::SnapshotServer(http::Server& server, consensus::Chain& chain, Log& log,
                               SnapshotOptions options)
    : chain_(chain), log_(log), options_(std::move(options)) {
  GONKA_CHECK(options_.keep > 0);
  server.Route(
      "GET", "/gonka/v1/snapshot",
      [this](http::Request, std::shared_ptr<http::Responder> responder) { OnOffer(*responder); });
  server.Route("GET", "/gonka/v1/snapshot/{root}/{index}",
               [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                 OnChunk(request, *responder);
               });
  Load();
  OnBlock();
  subscription_ = chain_.Subscribe([this](const consensus::CommittedBlockPtr&) { OnBlock(); });
}

SnapshotServer::~SnapshotServer() {
  chain_.Unsubscribe(subscription_);
  if (exporter_.joinable()) exporter_.join();
}

// Those of an earlier run. What is not whole is removed.
void SnapshotServer::Load() {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  std::vector<Export> found;
  for (const auto& entry : fs::directory_iterator(options_.directory, error)) {
    auto manifest = store::ReadStateManifest(entry.path());
    if (!manifest.ok() || entry.path().extension() == ".part") {
      fs::remove_all(entry.path(), error);
      continue;
    }
    const Hash root = StateRootOf(*manifest);
    found.push_back({entry.path(), *std::move(manifest), root, {}});
  }
  std::ranges::sort(found, {}, [](const Export& one) { return one.manifest.block.header.height; });
  for (Export& one : found) Take(std::move(one));
}

// An epoch's first block is the tip while its listeners run.
void SnapshotServer::OnBlock() {
  auto snapshot = chain_.Snapshot();
  if (!snapshot.ok()) return;
  const auto due = ledger::FindStateRootDue(**snapshot);
  if (!due || due->height != (*snapshot)->height()) return;
  if (exporter_.joinable()) exporter_.join();
  exporter_ = std::thread([this, snapshot = *std::move(snapshot)] { Run(snapshot); });
}

void SnapshotServer::Run(const store::SnapshotPtr& snapshot) {
  const std::string directory = fmt::format("{}/{:012}", options_.directory, snapshot->height());
  auto manifest = store::ExportState(*snapshot, directory);
  if (absl::IsAlreadyExists(manifest.status())) return;
  if (!manifest.ok()) {
    log_.Write(LogLevel::kError, fmt::format("no snapshot after block {}: {}", snapshot->height(),
                                             ToString(manifest.status())));
    return;
  }
  const Hash root = StateRootOf(*manifest);
  Take({directory, *std::move(manifest), root, {}});
}

void SnapshotServer::Take(Export made) {
  std::error_code error;
  const std::lock_guard lock(mutex_);
  exports_.push_back(std::make_shared<Export>(std::move(made)));
  if (exports_.size() <= options_.keep) return;
  fs::remove_all(exports_.front()->directory, error);
  exports_.erase(exports_.begin());
}

void SnapshotServer::OnOffer(http::Responder& responder) {
  const auto snapshot = chain_.Snapshot();
  if (!snapshot.ok()) return Refuse(responder, 503, gonka::Message(snapshot.status()));
  const std::lock_guard lock(mutex_);
  for (auto it = exports_.rbegin(); it != exports_.rend(); ++it) {
    Export& one = **it;
    if (one.offer.empty()) {
      const auto offer = store::MakeOffer(**snapshot, one.manifest);
      if (!offer.ok()) continue;  // Not recorded yet.
      one.offer = AsText(Encode(*offer));
    }
    return SendBytes(responder, one.offer);
  }
  Refuse(responder, 404, "no snapshot yet: the first one is that of epoch 1");
}

void SnapshotServer::OnChunk(const http::Request& request, http::Responder& responder) {
  const auto root = FixedFromHex<32>(*request.PathParam("root"));
  const std::string& text = *request.PathParam("index");
  uint32_t index = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (!root || bad != std::errc() || end != text.data() + text.size()) {
    return Refuse(responder, 400, "a chunk is named by its snapshot's root, in hex, and a number");
  }
  std::shared_ptr<Export> from;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& one : exports_) {
      if (one->root == *root) from = one;
    }
  }
  if (!from || index >= from->manifest.chunks.size()) {
    return Refuse(responder, 404, fmt::format("there is no chunk {} of {}", index, Hex(*root)));
  }
  if (chunks_.fetch_add(1) < kChunksMax) {
    const auto chunk = store::ReadStateChunk(from->directory, index);
    if (chunk.ok()) {
      SendBytes(responder, std::string(AsText(*chunk)));
    } else {
      Refuse(responder, 404, fmt::format("chunk {} of {} is gone", index, Hex(*root)));
    }
  } else {
    Refuse(responder, 503, "too many chunks are asked for at once");
  }
  --chunks_;
}

}  // namespace gonka::net
