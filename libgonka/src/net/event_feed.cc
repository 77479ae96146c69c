#include "gonka/net/event_feed.h"

#include <fmt/format.h>

#include "gonka/base/json.h"
#include "gonka/http/sse.h"
#include "gonka/net/api_error.h"
#include "gonka/net/api_key.h"
#include "net/http_params.h"
#include "net/personal_notice.h"

namespace gonka::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kToldMax = 64;           // Blocks kept as text.
constexpr uint64_t kBlocksPerTurn = 256;  // Of one listener, before the next one's turn.
constexpr size_t kBytesPerTurn = 64 << 10;
constexpr auto kRetry = std::chrono::milliseconds(20);  // For a listener without room.

using Kinds = std::array<bool, std::variant_size_v<Notice>>;

// What a developer is told about unless it asks for more.
bool IsNews(size_t kind) {
  static constexpr std::array<std::string_view, 6> kNews = {"refunded",         "convicted",
                                                            "verdict_revealed", "dispute_opened",
                                                            "dispute_decided",  "record_expired"};
  return std::find(kNews.begin(), kNews.end(), NoticeKindName(kind)) != kNews.end();
}

absl::StatusOr<Kinds> ParseKinds(const std::string* text, bool personal) {
  Kinds kinds;
  for (size_t i = 0; i < kinds.size(); ++i) kinds[i] = !personal || IsNews(i);
  if (text == nullptr || text->empty()) return kinds;
  kinds.fill(false);
  for (size_t begin = 0; begin <= text->size();) {
    const size_t end = std::min(text->find(',', begin), text->size());
    const std::string name = text->substr(begin, end - begin);
    begin = end + 1;
    size_t kind = 0;
    while (kind < kinds.size() && name != NoticeKindName(kind)) ++kind;
    if (kind == kinds.size()) {
      return absl::InvalidArgumentError(
          fmt::format("kinds names '{}', which is no kind of notice", name.substr(0, 64)));
    }
    kinds[kind] = true;
  }
  return kinds;
}

// "812.3": the event after it.
struct Place {
  uint64_t height = 0;
  uint32_t index = 0;
};

std::optional<Place> PlaceAfter(const std::string& last_event_id) {
  const size_t dot = last_event_id.find('.');
  if (dot == last_event_id.npos) return std::nullopt;
  const auto height = ParseNumber(last_event_id.substr(0, dot));
  const auto index = ParseNumber(last_event_id.substr(dot + 1));
  if (!height || !index || *index >= UINT32_MAX) return std::nullopt;
  return Place{.height = *height, .index = static_cast<uint32_t>(*index) + 1};
}

absl::StatusOr<Place> FirstPlace(const http::Request& request, uint64_t tip) {
  if (const std::string* last = request.headers.Find("Last-Event-ID"); last && !last->empty()) {
    if (const auto place = PlaceAfter(*last)) return *place;
    return absl::InvalidArgumentError(
        fmt::format("Last-Event-ID must be HEIGHT.INDEX, is '{}'", last->substr(0, 64)));
  }
  GONKA_ASSIGN_OR_RETURN(const auto from, NumberQuery(request, "from_height"));
  return Place{.height = from.value_or(tip + 1)};
}

}  // namespace

struct EventFeed::Listener {
  std::shared_ptr<http::StreamWriter> writer;
  Kinds kinds{};
  std::optional<AccountId> developer;
  Place next;
  std::string unsent;  // At most kBytesPerTurn and one event.
  SteadyClock::time_point last_write;
};

// One block's notices, and their JSON.
struct EventFeed::Told {
  uint64_t height = 0;
  uint64_t time_us = 0;
  std::vector<Notice> notices;
  std::vector<std::string> json;
};

EventFeed::EventFeed(http::Server& server, consensus::Chain& chain, Metrics& metrics,
                     const AccountId& self, EventFeedOptions options)
    : chain_(chain), metrics_(metrics), self_(self), options_(options) {
  server.Route("GET", "/gonka/v1/events",
               [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                 OnRequest(request, *responder, false);
               });
  server.Route("GET", "/v1/gonka/notices",
               [this](http::Request request, std::shared_ptr<http::Responder> responder) {
                 OnRequest(request, *responder, true);
               });
  subscription_ = chain_.Subscribe([this](const consensus::CommittedBlockPtr&) {
    const std::lock_guard lock(mutex_);
    news_ = true;
    wake_.notify_one();
  });
  thread_ = std::thread([this] { Run(); });
}

EventFeed::~EventFeed() {
  chain_.Unsubscribe(subscription_);
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

size_t EventFeed::listeners() const {
  const std::lock_guard lock(mutex_);
  return listeners_.size();
}

void EventFeed::OnRequest(const http::Request& request, http::Responder& responder, bool personal) {
  const auto invalid = [&](const absl::Status& status) {
    responder.Send(ToResponse({.code = "invalid_value", .message = gonka::Message(status)}));
  };
  auto listener = std::make_unique<Listener>();
  if (personal) {
    const auto snapshot = chain_.Snapshot();
    if (!snapshot.ok()) return responder.Send(RefusalResponse(503, ToString(snapshot.status())));
    const auto developer = Authenticate(request, **snapshot, self_);
    if (const auto* error = std::get_if<ApiError>(&developer)) {
      return responder.Send(ToResponse(*error));
    }
    listener->developer = std::get<AccountId>(developer);
  }
  const auto kinds = ParseKinds(request.Query("kinds"), personal);
  if (!kinds.ok()) return invalid(kinds.status());
  const auto place = FirstPlace(request, chain_.height());
  if (!place.ok()) return invalid(place.status());
  listener->kinds = *kinds;
  listener->next = *place;
  listener->last_write = SteadyClock::now();

  const std::lock_guard lock(mutex_);
  if (listeners_.size() >= options_.listeners_max) {
    return responder.Send(ToResponse(
        {.status = 429,
         .type = "rate_limit_error",
         .code = "rate_limit_exceeded",
         .message = fmt::format("{} listeners are all that this node serves", listeners_.size()),
         .retry_after_s = 5}));
  }
  listener->writer =
      responder.Stream({.content_type = http::kSseContentType,
                        .body = http::FormatSsePing(),
                        .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
  listeners_.push_back(std::move(listener));
  news_ = true;
  wake_.notify_one();
}

// Listeners are only removed here, so they may be served without the lock.
void EventFeed::Run() {
  bool behind = false;  // Somebody has not got all that is there.
  while (true) {
    std::vector<Listener*> listeners;
    {
      std::unique_lock lock(mutex_);
      const auto patience = behind ? kRetry : std::chrono::milliseconds(500);
      wake_.wait_for(lock, patience, [&] { return stop_ || (news_ && !behind); });
      if (stop_) return;
      news_ = false;
      listeners_.remove_if([](const auto& listener) { return listener->writer->HungUp(); });
      for (const auto& listener : listeners_) listeners.push_back(listener.get());
    }
    behind = false;
    if (listeners.empty()) {
      told_.clear();
      continue;
    }
    const auto snapshot = chain_.Snapshot();
    if (!snapshot.ok()) continue;
    for (Listener* listener : listeners) behind |= Serve(**snapshot, *listener);
  }
}

EventFeed::ToldPtr EventFeed::TellBlock(const store::Snapshot& snapshot, uint64_t height) {
  if (const auto found = told_.find(height); found != told_.end()) return found->second;
  auto told = std::make_shared<Told>();
  told->height = height;
  if (const auto header = snapshot.GetHeader(height); header.ok()) told->time_us = header->time_us;
  if (auto notices = snapshot.GetNotices(height); notices.ok()) {
    told->notices = *std::move(notices);
  }
  for (const Notice& notice : told->notices) told->json.push_back(ToJson(notice));
  if (told_.size() >= kToldMax) told_.erase(told_.begin());
  told_[height] = told;
  return told;
}

std::string EventFeed::EventFor(const store::Snapshot& snapshot, const Listener& listener,
                                const Told& told, uint32_t index) {
  const Notice& notice = told.notices[index];
  if (!listener.kinds[notice.index()]) return "";
  std::string text;
  if (listener.developer) {
    const auto sentence = TellDeveloper(snapshot, notice, *listener.developer);
    if (!sentence) return "";
    text = fmt::format(R"("text":{},)", JsonQuote(*sentence));
  }
  ++metrics_.events_sent;
  return http::FormatSse(
      {.event = NoticeKindName(notice.index()),
       .data = fmt::format(R"({{"height":{},"index":{},"time_us":{},{}"notice":{}}})", told.height,
                           index, told.time_us, text, told.json[index]),
       .id = fmt::format("{}.{}", told.height, index)});
}

// The next events in order, as much as one turn allows.
void EventFeed::Gather(const store::Snapshot& snapshot, Listener& listener) {
  Place& next = listener.next;
  for (uint64_t blocks = 0; blocks < kBlocksPerTurn && next.height <= snapshot.height(); ++blocks) {
    const ToldPtr told = TellBlock(snapshot, next.height);
    for (; next.index < told->notices.size(); ++next.index) {
      if (listener.unsent.size() >= kBytesPerTurn) return;
      listener.unsent += EventFor(snapshot, listener, *told, next.index);
    }
    next = {.height = next.height + 1, .index = 0};
  }
}

// True where there is more for this listener than it got now.
bool EventFeed::Serve(const store::Snapshot& snapshot, Listener& listener) {
  if (listener.unsent.empty()) Gather(snapshot, listener);
  const auto now = SteadyClock::now();
  const bool quiet = now - listener.last_write > std::chrono::microseconds(options_.ping_us);
  if (listener.unsent.empty() && quiet) listener.unsent = http::FormatSsePing();
  if (!listener.unsent.empty()) {
    if (!listener.writer->WriteWait(listener.unsent, 0)) return !listener.writer->HungUp();
    listener.unsent.clear();
    listener.last_write = now;
  }
  return listener.next.height <= snapshot.height();
}

}  // namespace gonka::net
