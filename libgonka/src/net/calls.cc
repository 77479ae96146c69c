#include "gonka/net/calls.h"

#include <fmt/format.h>

#include "gonka/base/codec.h"
#include "gonka/http/frames.h"

namespace gonka::net {
namespace {

constexpr const char* kAccountHeader = "X-Gonka-Account";
constexpr size_t kNonceSize = 24;
constexpr size_t kSessionsMax = 4'096;

// The last frame of every answer.
struct CallEnd {
  static constexpr const char* kName = "end";
  uint8_t code = 0;  // absl::StatusCode.
  Text<4'096> message;
  GONKA_FIELDS(CallEnd, code, message)
};
struct CallData {
  static constexpr const char* kName = "data";
  Blob<kCallFrameMax> bytes;
  GONKA_FIELDS(CallData, bytes)
};
struct CallFrame {
  std::variant<CallData, CallEnd> frame;
  GONKA_FIELDS(CallFrame, frame)
};

Bytes RequestContext(const std::string& method) {
  return ToBytes(AsBytes("request/" + method));
}

// Binds an answer's frame to its request and to its place.
Bytes AnswerContext(const std::string& method, ByteSpan request_nonce, uint32_t number) {
  Writer out;
  out.Raw(AsBytes("answer/" + method + "/"));
  out.Raw(request_nonce);
  out.Int(number);
  return out.Take();
}

Bytes NonceOf(ByteSpan sealed) {
  return ToBytes(sealed.first(std::min(sealed.size(), kNonceSize)));
}

absl::Status StatusOf(const CallEnd& end) {
  if (end.code > static_cast<uint8_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::DataLossError(fmt::format("the call ended with unknown code {}", end.code));
  }
  return absl::Status(static_cast<absl::StatusCode>(end.code),
                      static_cast<const std::string&>(end.message));
}

class HttpReply final : public Reply {
 public:
  HttpReply(std::string method, Bytes nonce, const SessionKeys& keys, Entropy& entropy,
            std::shared_ptr<http::StreamWriter> writer)
      : method_(std::move(method)),
        nonce_(std::move(nonce)),
        keys_(keys),
        entropy_(entropy),
        writer_(std::move(writer)) {}
  ~HttpReply() override {
    if (!finished_) Finish(absl::AbortedError("the node dropped the call"));
  }

  void Send(Bytes frame) override { Write({CallData{.bytes = std::move(frame)}}); }
  void Finish(absl::Status status) override {
    if (finished_) return;
    Write({CallEnd{.code = static_cast<uint8_t>(status.code()),
                   .message = Text<4'096>(gonka::Message(status).substr(0, 4'096))}});
    finished_ = true;
    writer_->Finish();
  }
  bool Cancelled() const override { return writer_->HungUp(); }

 private:
  void Write(const CallFrame& frame) {
    if (finished_) return;
    const Bytes sealed =
        SealFrame(keys_.send, Encode(frame), AnswerContext(method_, nonce_, number_++), entropy_);
    writer_->Write(http::FormatFrame(sealed));
  }

  const std::string method_;
  const Bytes nonce_;
  const SessionKeys keys_;
  Entropy& entropy_;
  const std::shared_ptr<http::StreamWriter> writer_;
  uint32_t number_ = 0;
  bool finished_ = false;
};

void Refuse(http::Responder& responder, int status, std::string why) {
  responder.Send(
      {.status = status, .content_type = "text/plain", .body = why + "\n", .headers = {}});
}

}  // namespace

absl::StatusOr<SessionKeys> Sessions::With(const Hash& peer) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(peer);
    if (found != keys_.end()) return found->second;
  }
  GONKA_ASSIGN_OR_RETURN(const SessionKeys keys, DeriveSession(key_, peer));
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kSessionsMax) keys_.erase(keys_.begin());
  keys_.emplace(peer, keys);
  return keys;
}

struct HttpTransport::Ongoing {
  std::string method;
  CallEvents events;
  CallOptions options;
  SessionKeys keys;
  Bytes nonce;
  uint32_t number = 0;
  Loop::TimerId first_timer = 0;
  Loop::TimerId total_timer = 0;
  std::shared_ptr<http::OngoingCall> call;
  http::FrameParser frames{kCallFrameMax + kSealOverhead + 16};  // Client's thread only.
};

HttpTransport::HttpTransport(Loop& loop, Entropy& entropy, Sessions& sessions, http::Client& client)
    : loop_(loop),
      entropy_(entropy),
      sessions_(sessions),
      client_(client),
      alive_(std::make_shared<bool>(true)) {}

HttpTransport::~HttpTransport() {
  *alive_ = false;
  for (auto& [id, call] : ongoing_) {
    if (call->call) call->call->Cancel();
  }
}

Transport::CallId HttpTransport::Call(const Peer& peer, std::string_view method, Bytes request,
                                      CallEvents events, CallOptions options) {
  const CallId id = next_id_++;
  auto call = std::make_shared<Ongoing>();
  call->method = method;
  call->events = std::move(events);
  call->options = options;
  ongoing_[id] = call;
  const auto keys = sessions_.With(peer.id);
  if (!keys.ok()) {
    loop_.Post([this, id, status = keys.status(), alive = alive_] {
      if (*alive) Fail(id, status);
    });
    return id;
  }
  call->keys = *keys;
  const Bytes sealed = SealFrame(keys->send, request, RequestContext(call->method), entropy_);
  call->nonce = NonceOf(sealed);
  const auto arm = [&](int64_t delay_us, const char* what) {
    return loop_.PostAfter(delay_us, [this, id, what, url = peer.url] {
      Fail(id, absl::DeadlineExceededError(fmt::format("{}: no {} in time", url, what)));
    });
  };
  call->first_timer = arm(options.first_frame_timeout_us, "answer");
  call->total_timer = arm(options.total_timeout_us, "end");
  // Pieces come on the client's threads; everything of ours happens on the loop.
  call->call = client_.Start(
      {.method = "POST",
       .url = fmt::format("{}/gonka/v1/call/{}", peer.url, call->method),
       .content_type = http::kFramesContentType,
       .body = std::string(AsText(sealed)),
       .headers = {{kAccountHeader, Hex(sessions_.self())}},
       .timeout_us = options.total_timeout_us},
      {.on_head =
           [this, id, alive = alive_, url = peer.url](int status, const http::Headers&) {
             if (status == 200) return;
             loop_.Post([this, id, alive, url, status] {
               if (*alive)
                 Fail(id, absl::UnavailableError(fmt::format("{} answered {}", url, status)));
             });
           },
       .on_data =
           [this, id, alive = alive_, call](std::string_view data) {
             const bool sound = call->frames.Push(data, [&](Bytes piece) {
               loop_.Post([this, id, alive, piece = std::move(piece)]() mutable {
                 if (*alive) OnFrame(id, std::move(piece));
               });
             });
             if (sound) return;
             loop_.Post([this, id, alive] {
               if (*alive) Fail(id, absl::DataLossError("a frame beyond the bound"));
             });
           },
       .on_done =
           [this, id, alive = alive_](absl::Status status) {
             loop_.Post([this, id, alive, status = std::move(status)] {
               if (*alive) OnClosed(id, status);
             });
           }});
  return id;
}

void HttpTransport::OnFrame(CallId id, Bytes sealed) {
  const auto found = ongoing_.find(id);
  if (found == ongoing_.end()) return;
  const std::shared_ptr<Ongoing> call = found->second;
  loop_.CancelTimer(call->first_timer);
  const auto plain = OpenFrame(call->keys.receive, sealed,
                               AnswerContext(call->method, call->nonce, call->number++));
  const auto frame = plain ? Decode<CallFrame>(*plain)
                           : absl::StatusOr<CallFrame>(absl::UnauthenticatedError(
                                 "a frame that is not the peer's, or not in its place"));
  if (!frame.ok()) return Fail(id, frame.status());
  if (const auto* data = std::get_if<CallData>(&frame->frame)) {
    call->events.on_frame(data->bytes);
    return;
  }
  // The connection ends its answer by itself and is kept for the next call.
  call->call.reset();
  Fail(id, StatusOf(std::get<CallEnd>(frame->frame)));
}

// A stream that ends without its last frame was cut off.
void HttpTransport::OnClosed(CallId id, absl::Status status) {
  if (status.ok()) status = absl::UnavailableError("the answer was cut off");
  Fail(id, status);
}

// Ends the call, with whatever status.
void HttpTransport::Fail(CallId id, absl::Status status) {
  const auto found = ongoing_.find(id);
  if (found == ongoing_.end()) return;
  const std::shared_ptr<Ongoing> call = found->second;
  Cancel(id);
  call->events.on_done(std::move(status));
}

void HttpTransport::Cancel(CallId id) {
  const auto found = ongoing_.find(id);
  if (found == ongoing_.end()) return;
  const std::shared_ptr<Ongoing> call = found->second;
  ongoing_.erase(found);
  loop_.CancelTimer(call->first_timer);
  loop_.CancelTimer(call->total_timer);
  if (call->call) call->call->Cancel();
}

void ServeCalls(http::Server& server, Loop& loop, Entropy& entropy, Sessions& sessions,
                CallDispatcher dispatcher) {
  server.Route(
      "POST", "/gonka/v1/call/{method}",
      [&loop, &entropy, &sessions,
       dispatcher = std::make_shared<CallDispatcher>(std::move(dispatcher))](
          http::Request request, std::shared_ptr<http::Responder> responder) {
        const std::string method = *request.PathParam("method");
        const auto caller = FixedFromHex<32>(request.headers.Get(kAccountHeader));
        if (!caller) {
          return Refuse(*responder, 400,
                        fmt::format("{} must be an account in hex", kAccountHeader));
        }
        const auto keys = sessions.With(*caller);
        if (!keys.ok()) return Refuse(*responder, 401, gonka::Message(keys.status()));
        const ByteSpan sealed = AsBytes(request.body);
        auto plain = OpenFrame(keys->receive, sealed, RequestContext(method));
        if (!plain) {
          return Refuse(*responder, 401, fmt::format("the body is not sealed by {}", Hex(*caller)));
        }
        auto writer = responder->Stream(
            {.status = 200, .content_type = http::kFramesContentType, .body = "", .headers = {}});
        auto reply =
            std::make_shared<HttpReply>(method, NonceOf(sealed), *keys, entropy, std::move(writer));
        loop.Post([dispatcher, method, caller = *caller, plain = *std::move(plain),
                   reply = std::move(reply)]() mutable {
          (*dispatcher)(method, caller, std::move(plain), std::move(reply));
        });
      });
}

}  // namespace gonka::net
