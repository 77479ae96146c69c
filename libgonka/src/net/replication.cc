#include "gonka/net/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "gonka/base/json.h"
#include "gonka/http/frames.h"

namespace gonka::net {
namespace {

constexpr uint64_t kWaitMsMax = 30'000;
constexpr size_t kWaitingMax = 256;
constexpr int64_t kRetryUs = 250'000;
constexpr uint64_t kFetchWaitMs = 2'000;

void Refuse(http::Responder& responder, int status, const std::string& why) {
  responder.Send({.status = status,
                  .content_type = "application/json",
                  .body = fmt::format("{{\"error\":{}}}\n", JsonQuote(why)),
                  .headers = {}});
}

std::optional<uint64_t> NumberParam(const http::Request& request, const char* name,
                                    uint64_t otherwise) {
  const std::string* text = request.Query(name);
  if (text == nullptr) return otherwise;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

}  // namespace

BlockServer::BlockServer(http::Server& server, Loop& loop, consensus::Chain& chain)
    : loop_(loop), chain_(chain), alive_(std::make_shared<bool>(true)) {
  server.Route("GET", "/gonka/v1/blocks",
               [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                 OnBlocks(request, std::move(responder));
               });
  server.Route("POST", "/gonka/v1/tx",
               [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                 OnTx(request, *responder);
               });
  server.Route("GET", "/gonka/v1/genesis",
               [this](http::Request, std::shared_ptr<http::Responder> responder) {
                 responder->Send({.status = 200,
                                  .content_type = http::kFramesContentType,
                                  .body = std::string(AsText(Encode(chain_.genesis()))),
                                  .headers = {}});
               });
  subscription_ =
      chain_.Subscribe([this](const consensus::CommittedBlockPtr&) { AnswerWaiting(); });
}

BlockServer::~BlockServer() {
  chain_.Unsubscribe(subscription_);
  *alive_ = false;
}

void BlockServer::Answer(uint64_t from, http::Responder& responder) {
  const auto blocks = chain_.EncodedBlocks(from, kBlocksBytesMax);
  if (!blocks.ok()) return Refuse(responder, 503, gonka::Message(blocks.status()));
  if (blocks->empty() && from <= chain_.height()) {
    return Refuse(responder, 404,
                  fmt::format("this node has no block {}: it began with a snapshot", from));
  }
  std::string body;
  for (const Bytes& block : *blocks) body += http::FormatFrame(block);
  responder.Send({.status = 200,
                  .content_type = http::kFramesContentType,
                  .body = std::move(body),
                  .headers = {}});
}

void BlockServer::OnBlocks(const http::Request& request,
                           std::shared_ptr<http::Responder> responder) {
  const auto from = NumberParam(request, "from", 1);
  const auto wait_ms = NumberParam(request, "wait_ms", 0);
  if (!from || !wait_ms || *from == 0) {
    return Refuse(*responder, 400, "from (a height from 1 on) and wait_ms must be numbers");
  }
  uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool wait = *wait_ms > 0 && chain_.height() < *from && waiting_.size() < kWaitingMax;
    if (wait) {
      ticket = next_waiting_++;
      waiting_.emplace(ticket, Waiting{.from = *from, .responder = responder});
    }
  }
  if (ticket == 0) return Answer(*from, *responder);
  const auto delay_us = static_cast<int64_t>(std::min(*wait_ms, kWaitMsMax)) * 1'000;
  loop_.Post([this, ticket, delay_us, alive = alive_] {
    if (!*alive) return;
    loop_.PostAfter(delay_us, [this, ticket, alive] {
      if (!*alive) return;
      std::unique_lock lock(mutex_);
      auto waiting = waiting_.extract(ticket);
      lock.unlock();
      if (!waiting.empty()) Answer(waiting.mapped().from, *waiting.mapped().responder);
    });
  });
}

void BlockServer::AnswerWaiting() {
  std::vector<Waiting> ready;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->second.from > chain_.height()) {
        ++it;
        continue;
      }
      ready.push_back(std::move(it->second));
      it = waiting_.erase(it);
    }
  }
  for (const Waiting& waiting : ready) Answer(waiting.from, *waiting.responder);
}

void BlockServer::OnTx(const http::Request& request, http::Responder& responder) {
  auto tx = Decode<SignedTx>(AsBytes(request.body));
  if (!tx.ok()) return Refuse(responder, 400, gonka::Message(tx.status()));
  const auto code = chain_.SubmitTx(*std::move(tx));
  if (!code.ok()) {
    const bool full = absl::IsResourceExhausted(code.status());
    return Refuse(responder, full ? 429 : 503, gonka::Message(code.status()));
  }
  responder.Send({.status = *code == TxCode::kOk ? 200 : 400,
                  .content_type = "application/json",
                  .body = fmt::format("{{\"code\":\"{}\"}}\n", TxCodeName(*code)),
                  .headers = {}});
}

BlockFetcher::BlockFetcher(http::Client& client, std::vector<std::string> sources,
                           consensus::Follower& follower, Log& log,
                           std::function<void(const consensus::Halt&)> on_halt)
    : client_(client),
      sources_(std::move(sources)),
      follower_(follower),
      log_(log),
      on_halt_(std::move(on_halt)),
      thread_([this] { Run(); }) {
  GONKA_CHECK(!sources_.empty());
}

BlockFetcher::~BlockFetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  thread_.join();
}

bool BlockFetcher::Sleep(int64_t us) {
  std::unique_lock lock(mutex_);
  return !stop_signal_.wait_for(lock, std::chrono::microseconds(us), [&] { return stop_; });
}

// The first source orders, so its next block is worth waiting for. While it does not answer, the
// others may still have blocks that this node lacks; none of them is waited for, since they may be
// waiting too.
void BlockFetcher::Run() {
  std::string last_error;
  while (Sleep(0)) {
    absl::Status status = FetchFrom(sources_.front(), kFetchWaitMs);
    caught_up_ = status.ok() && caught_up_;
    if (!status.ok() && ToString(status) != last_error) {  // Once for each kind of trouble.
      last_error = ToString(status);
      log_.Write(LogLevel::kWarning,
                 fmt::format("no blocks from {}: {}", sources_.front(), last_error));
    }
    if (status.ok()) last_error.clear();
    for (size_t i = 1; i < sources_.size() && !status.ok() && !follower_.halted(); ++i) {
      (void)FetchFrom(sources_[i], 0);
      if (!Sleep(0)) return;
    }
    if (const auto halt = follower_.halted()) {
      log_.Write(LogLevel::kError, fmt::format("the follower stopped: {}", halt->reason));
      return on_halt_(*halt);
    }
    if (!status.ok() && !Sleep(kRetryUs)) return;
  }
}

absl::Status BlockFetcher::FetchFrom(const std::string& source, uint64_t wait_ms) {
  const uint64_t from = follower_.next_height();
  const auto response = client_.Send(
      {.url = fmt::format("{}/gonka/v1/blocks?from={}&wait_ms={}", source, from, wait_ms),
       .timeout_us = static_cast<int64_t>(wait_ms) * 1'000 + 20'000'000,
       .repeatable = true});
  if (!response.ok()) return response.status();
  if (response->status != 200) {
    return absl::UnavailableError(fmt::format("answered {}", response->status));
  }
  std::vector<Bytes> blocks;
  http::FrameParser parser(kBlocksBytesMax * 2);
  if (!parser.Push(response->body, [&](Bytes frame) { blocks.push_back(std::move(frame)); })) {
    return absl::DataLossError("a block is larger than any may be");
  }
  caught_up_ = blocks.size() <= 1;
  std::vector<Block> decoded;
  absl::Status malformed;
  for (const Bytes& bytes : blocks) {
    auto block = Decode<Block>(bytes);
    malformed = block.status();
    if (!malformed.ok()) break;
    decoded.push_back(*std::move(block));
  }
  GONKA_RETURN_IF_ERROR(follower_.OfferAll(std::move(decoded)));
  return malformed;
}

std::string SequencerUrl(const ledger::View& view, const Genesis& genesis) {
  if (const auto sequencer = ledger::FindParticipant(view, genesis.sequencer)) {
    return sequencer->endpoint;
  }
  for (const GenesisParticipant& participant : genesis.participants) {
    if (participant.id == genesis.sequencer) return participant.endpoint;
  }
  return "";  // CheckGenesis excludes it.
}

std::vector<std::string> BlockSources(const ledger::View& view, const Genesis& genesis,
                                      const AccountId& self) {
  std::vector<std::string> sources = {SequencerUrl(view, genesis)};
  for (const auto& [id, participant] : ledger::ListParticipants(view)) {
    if (id == self || id == genesis.sequencer || participant.removed) continue;
    sources.push_back(participant.endpoint);
  }
  return sources;
}

absl::StatusOr<Genesis> FetchGenesis(http::Client& client, const std::string& url) {
  const auto response = client.Send({.url = url + "/gonka/v1/genesis", .repeatable = true});
  if (!response.ok()) return response.status();
  if (response->status != 200) {
    return absl::UnavailableError(
        fmt::format("{}/gonka/v1/genesis answered {}", url, response->status));
  }
  const auto genesis = Decode<Genesis>(AsBytes(response->body));
  if (!genesis.ok()) return Annotate(genesis.status(), "the genesis of " + url);
  GONKA_RETURN_IF_ERROR(CheckGenesis(*genesis));
  return genesis;
}

}  // namespace gonka::net
