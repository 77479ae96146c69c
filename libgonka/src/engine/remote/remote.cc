#include "gonka/engine/remote.h"

#include <fmt/format.h>

#include <condition_variable>
#include <map>

#include "gonka/engine/wire.h"
#include "gonka/http/frames.h"

namespace gonka::engine {
namespace {

constexpr int64_t kInfoTimeoutUs = 5'000'000;
constexpr int64_t kRequestTimeoutUs = 3'600'000'000;

http::ClientRequest Post(const std::string& url, const Bytes& body) {
  return {.method = "POST",
          .url = url,
          .content_type = http::kFramesContentType,
          .body = std::string(AsText(body)),
          .timeout_us = kRequestTimeoutUs,
          .answer_max = size_t{1} << 40};
}

}  // namespace

// One streamed answer: what its callbacks share. The client's thread only.
struct RemoteEngine::Stream {
  std::string url;
  int http_status = 0;
  std::string refusal;  // The body of an answer that is not 200.
  http::FrameParser frames{kWireFrameMax};
  absl::Status broken;  // The answer makes no sense.
  bool ended = false;   // Its last frame was seen.

  absl::Status Outcome(const absl::Status& transport) const {
    if (!broken.ok()) return broken;
    if (!transport.ok()) return transport;
    if (http_status != 200) {
      return absl::UnavailableError(
          fmt::format("{} answered {}: {}", url, http_status, refusal.substr(0, 500)));
    }
    return absl::DataLossError(fmt::format("{}: the answer was cut off", url));
  }
};

// The calls under way. Shared with the client's callbacks, which may outlive a Cancel.
class RemoteEngine::Calls {
 public:
  RequestId Begin() {
    const std::lock_guard lock(mutex_);
    open_.emplace(++last_, nullptr);
    return last_;
  }
  // The call may have ended already.
  void Attach(RequestId id, std::shared_ptr<http::OngoingCall> call) {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    if (found != open_.end()) found->second = std::move(call);
  }
  void Cancel(RequestId id) {
    std::shared_ptr<http::OngoingCall> call;
    {
      const std::lock_guard lock(mutex_);
      const auto found = open_.find(id);
      if (found != open_.end()) call = found->second;
    }
    if (call) call->Cancel();
  }
  void End(RequestId id) {
    const std::lock_guard lock(mutex_);
    open_.erase(id);
    ended_.notify_all();
  }
  void CancelAllAndWait() {
    std::unique_lock lock(mutex_);
    const auto open = open_;
    lock.unlock();
    for (const auto& [id, call] : open) {
      if (call) call->Cancel();
    }
    lock.lock();
    ended_.wait(lock, [&] { return open_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<RequestId, std::shared_ptr<http::OngoingCall>> open_;
  RequestId last_ = 0;
};

RemoteEngine::RemoteEngine(http::Client& client, std::string url, EngineInfo info)
    : client_(client),
      url_(std::move(url)),
      info_(std::move(info)),
      calls_(std::make_shared<Calls>()) {}

RemoteEngine::~RemoteEngine() {
  calls_->CancelAllAndWait();
}

absl::StatusOr<std::unique_ptr<RemoteEngine>> RemoteEngine::Connect(http::Client& client,
                                                                    const std::string& url) {
  const auto response =
      client.Send({.url = url + "/ml/v1/info", .timeout_us = kInfoTimeoutUs, .repeatable = true});
  if (!response.ok()) return Annotate(response.status(), "the ML node");
  if (response->status != 200) {
    return absl::UnavailableError(
        fmt::format("{}/ml/v1/info answered {}; is it an ML node?", url, response->status));
  }
  const auto info = Decode<WireInfo>(AsBytes(response->body));
  if (!info.ok()) return Annotate(info.status(), fmt::format("the ML node at {}", url));
  return std::unique_ptr<RemoteEngine>(new RemoteEngine(client, url, FromWire(*info)));
}

// on_failed is called where the stream ends without its last frame.
void RemoteEngine::Run(RequestId id, const std::shared_ptr<Stream>& stream, const Bytes& body,
                       std::function<void(const Bytes&)> on_frame,
                       std::function<void(const absl::Status&)> on_failed) {
  calls_->Attach(
      id,
      client_.Start(
          Post(stream->url, body),
          {.on_head = [stream](int status, const http::Headers&) { stream->http_status = status; },
           .on_data =
               [stream, on_frame = std::move(on_frame)](std::string_view data) {
                 if (stream->http_status != 200) {
                   if (stream->refusal.size() < 4'096) stream->refusal += data;
                 } else if (!stream->frames.Push(data, on_frame)) {
                   stream->broken = absl::DataLossError(stream->url + ": a frame is too large");
                 }
               },
           .on_done =
               [stream, id, on_failed = std::move(on_failed), calls = calls_](absl::Status status) {
                 if (!stream->ended) on_failed(stream->Outcome(status));
                 calls->End(id);
               }}));
}

Engine::RequestId RemoteEngine::Generate(GenerateRequest request, GenerateEvents events) {
  const RequestId id = calls_->Begin();
  auto stream = std::make_shared<Stream>();
  stream->url = url_ + "/ml/v1/generate";
  auto on_done = std::make_shared<GenerateEvents>(std::move(events));
  const auto on_frame = [stream, on_done](const Bytes& bytes) {
    const auto frame = Decode<WireGenerated>(bytes);
    if (!frame.ok()) {
      stream->broken = Annotate(frame.status(), stream->url);
    } else if (const auto* token = std::get_if<WireToken>(&frame->event)) {
      if (on_done->on_token) on_done->on_token(FromWire(*token));
    } else if (!stream->ended) {
      stream->ended = true;
      on_done->on_done(ReasonOf(std::get<WireEnd>(frame->event)));
    }
  };
  Run(id, stream, Encode(ToWire(request)), on_frame, [on_done](const absl::Status& outcome) {
    if (absl::IsCancelled(outcome)) return on_done->on_done(FinishReason::kCancelled);
    on_done->on_done(outcome);
  });
  return id;
}

Engine::RequestId RemoteEngine::Score(ScoreRequest request, ScoreEvents events) {
  const RequestId id = calls_->Begin();
  auto stream = std::make_shared<Stream>();
  stream->url = url_ + "/ml/v1/score";
  auto on_done = std::make_shared<ScoreEvents>(std::move(events));
  const auto on_frame = [stream, on_done](const Bytes& bytes) {
    const auto scored = Decode<WireScored>(bytes);
    if (!scored.ok()) {
      stream->broken = Annotate(scored.status(), stream->url);
      return;
    }
    if (stream->ended) return;
    stream->ended = true;
    const auto reason = ReasonOf({.code = scored->code, .message = scored->message, .finish = 0});
    if (!reason.ok()) return on_done->on_done(reason.status());
    std::vector<ScoredToken> tokens;
    tokens.reserve(scored->tokens.size());
    for (const WireScoredToken& token : scored->tokens) tokens.push_back(FromWire(token));
    on_done->on_done(std::move(tokens));
  };
  Run(id, stream, Encode(ToWire(request)), on_frame,
      [on_done](const absl::Status& outcome) { on_done->on_done(outcome); });
  return id;
}

void RemoteEngine::Cancel(RequestId request) {
  calls_->Cancel(request);
}

}  // namespace gonka::engine
