#include "gonka/http/client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <set>

#include "http/call_threads.h"
#include "http/connector.h"

namespace gonka::http {
namespace {

// cpp-httplib's client as what it is good at: writing a request and reading an answer. Connections,
// their reuse and their limits are ours (connector.h, socket_stream.h).
class Codec final : public httplib::ClientImpl {
 public:
  explicit Codec(const Url& url) : httplib::ClientImpl(url.host, url.port) {
    set_url_encode(false);  // It comes encoded.
    set_decompress(false);  // A small answer could unpack to any size.
    set_follow_location(false);
  }

  bool Exchange(httplib::Stream& stream, httplib::Request& request, httplib::Response& response,
                httplib::Error& error) {
    return process_request(stream, request, response, /*close_connection=*/false, error);
  }
};

absl::Status WithUrl(const absl::Status& status, const std::string& method,
                     const std::string& url) {
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("{} {}: {}", method, url.substr(0, 300),
                                                 std::string(status.message())));
}

bool IsToken(const std::string& method) {
  return !method.empty() && method.size() <= 16 &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

httplib::Request MakeRequest(ClientRequest& request, const Url& url) {
  httplib::Request out;
  out.method = request.method;
  out.path = url.path;
  out.body = std::move(request.body);
  out.set_header("Host", url.Authority());
  out.set_header("User-Agent", "gonka");
  if (!out.body.empty()) out.set_header("Content-Type", request.content_type);
  for (const auto& [name, value] : request.headers) out.set_header(name, value);
  return out;
}

Headers TakeHeaders(const httplib::Response& response) {
  Headers headers;
  for (const auto& [name, value] : response.headers) headers.Add(name, value);
  return headers;
}

bool SaysClose(const httplib::Response& response) {
  return response.version != "HTTP/1.1" ||
         EqualIgnoringCase(response.get_header_value("Connection"), "close");
}

bool IsChunked(const httplib::Response& response) {
  return EqualIgnoringCase(response.get_header_value("Transfer-Encoding"), "chunked");
}

// Nothing but the end of the connection would tell the end of the body.
bool HasLength(const httplib::Response& response) {
  return IsChunked(response) || response.has_header("Content-Length");
}

}  // namespace

struct OngoingCall::State {
  CallSocket socket;
};

OngoingCall::OngoingCall() : state_(std::make_unique<State>()) {}
OngoingCall::~OngoingCall() = default;
void OngoingCall::Cancel() {
  state_->socket.Cancel();
}

class Client::Impl {
 public:
  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        connector_(options_),
        threads_(options_.threads_max, options_.waiting_max) {}

  ~Impl() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (OngoingCall* call : calls_) call->Cancel();
  }  // threads_ is destroyed next, which waits for them.

  absl::Status Perform(ClientRequest request, CallSocket& socket, const StreamEvents& events);
  std::shared_ptr<OngoingCall> Start(ClientRequest request, StreamEvents events);

 private:
  struct Attempt {
    absl::Status status;
    bool head_seen = false;
    bool stale = false;  // The connection was closed before anything was heard.
  };
  Attempt Try(const Url& url, httplib::Request& http, CallSocket& socket,
              const ClientRequest& request, const StreamEvents& events, int64_t deadline_us,
              bool fresh_only);
  void Exchange(const Url& url, httplib::Request& http, SocketStream& stream, size_t answer_max,
                const StreamEvents& events, httplib::Response& response, Attempt& attempt);

  const ClientOptions options_;
  Connector connector_;
  std::mutex mutex_;
  std::set<OngoingCall*> calls_;
  bool stopping_ = false;
  CallThreads threads_;
};

absl::Status Client::Impl::Perform(ClientRequest request, CallSocket& socket,
                                   const StreamEvents& events) {
  const int64_t deadline_us = NowUs() + request.timeout_us;
  const absl::StatusOr<Url> url = ParseUrl(request.url);
  if (!url.ok()) return url.status();
  if (!IsToken(request.method)) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is no HTTP method", request.method));
  }
  httplib::Request http = MakeRequest(request, *url);
  Attempt attempt = Try(*url, http, socket, request, events, deadline_us, false);
  const bool repeatable = request.repeatable || request.method == "GET" || request.method == "HEAD";
  if (attempt.stale && repeatable && !socket.cancelled()) {
    attempt = Try(*url, http, socket, request, events, deadline_us, true);
  }
  if (socket.cancelled() && !attempt.status.ok())
    attempt.status = absl::CancelledError("cancelled");
  return WithUrl(attempt.status, request.method, request.url);
}

Client::Impl::Attempt Client::Impl::Try(const Url& url, httplib::Request& http, CallSocket& socket,
                                        const ClientRequest& request, const StreamEvents& events,
                                        int64_t deadline_us, bool fresh_only) {
  Attempt attempt;
  absl::StatusOr<Connector::Leased> leased = connector_.Lease(url, socket, deadline_us, fresh_only);
  if (!leased.ok()) {
    attempt.status = leased.status();
    return attempt;
  }
  SocketStream& stream = *leased->stream;
  stream.Begin({.read_timeout_us = options_.read_timeout_us,
                .write_timeout_us = options_.write_timeout_us,
                .deadline_us = deadline_us});
  httplib::Response response;
  Exchange(url, http, stream, request.answer_max, events, response, attempt);
  socket.Unwatch();
  attempt.stale = leased->reused && !attempt.status.ok() && stream.silent() &&
                  attempt.status.code() == absl::StatusCode::kUnavailable;
  const bool reusable = attempt.status.ok() && !socket.cancelled() && !SaysClose(response) &&
                        (HasLength(response) || response.status == 204 || http.method == "HEAD") &&
                        stream.Reusable();
  if (reusable) connector_.Return(url, std::move(leased->stream));
  return attempt;
}

void Client::Impl::Exchange(const Url& url, httplib::Request& http, SocketStream& stream,
                            size_t answer_max, const StreamEvents& events,
                            httplib::Response& response, Attempt& attempt) {
  size_t received = 0;
  const auto take_head = [&](const httplib::Response& head) {
    stream.BeginBody();
    attempt.head_seen = true;
    if (events.on_head) events.on_head(head.status, TakeHeaders(head));
    return true;
  };
  http.response_handler = take_head;
  http.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    received += size;
    if (received > answer_max) return false;
    if (events.on_data) events.on_data(std::string_view(data, size));
    return true;
  };
  bool done = false;
  httplib::Error error = httplib::Error::Success;
  try {
    Codec codec(url);
    done = codec.Exchange(stream, http, response, error);
  } catch (const std::exception& exception) {
    attempt.status = absl::InternalError(fmt::format("malformed answer: {}", exception.what()));
    return;
  }
  if (received > answer_max) {
    attempt.status =
        absl::ResourceExhaustedError(fmt::format("the answer is larger than {} bytes", answer_max));
  } else if (!stream.failure().ok()) {
    attempt.status = stream.failure();
  } else if (!done && stream.silent()) {
    attempt.status = absl::UnavailableError("the connection was closed without an answer");
  } else if (!done || response.status < 100) {
    attempt.status = absl::UnavailableError(attempt.head_seen ? "the answer ended too early"
                                                              : "the answer is no HTTP response");
  } else if (http.method != "HEAD" && IsChunked(response) && response.status != 204 &&
             !stream.EndedInBlankLine()) {
    attempt.status = absl::UnavailableError("the answer's chunks are malformed");
  } else if (!attempt.head_seen) {
    take_head(response);  // cpp-httplib does not report heads without a body.
  }
}

std::shared_ptr<OngoingCall> Client::Impl::Start(ClientRequest request, StreamEvents events) {
  auto call = std::make_shared<OngoingCall>();
  {
    const std::lock_guard lock(mutex_);
    calls_.insert(call.get());
    if (stopping_) call->Cancel();
  }
  const std::string method = request.method;
  const std::string url = request.url;
  const auto shared_events = std::make_shared<StreamEvents>(std::move(events));
  const auto finish = [this, call, shared_events](const absl::Status& status) {
    {
      const std::lock_guard lock(mutex_);
      calls_.erase(call.get());
    }
    if (shared_events->on_done) shared_events->on_done(status);
  };
  const bool running =
      threads_.Run([this, call, shared_events, finish, request = std::move(request)]() mutable {
        finish(Perform(std::move(request), call->state_->socket, *shared_events));
      });
  if (!running) {
    finish(WithUrl(absl::ResourceExhaustedError(
                       fmt::format("{} calls are waiting already", options_.waiting_max)),
                   method, url));
  }
  return call;
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

absl::StatusOr<ClientResponse> Client::Send(ClientRequest request) {
  ClientResponse response;
  CallSocket socket;
  const absl::Status status =
      impl_->Perform(std::move(request), socket,
                     {.on_head =
                          [&](int code, const Headers& headers) {
                            response.status = code;
                            response.headers = headers;
                          },
                      .on_data = [&](std::string_view data) { response.body += data; },
                      .on_done = nullptr});
  if (!status.ok()) return status;
  return response;
}

std::shared_ptr<OngoingCall> Client::SendAsync(ClientRequest request, Done done) {
  const auto response = std::make_shared<ClientResponse>();
  return Start(std::move(request),
               {.on_head =
                    [response](int code, const Headers& headers) {
                      response->status = code;
                      response->headers = headers;
                    },
                .on_data = [response](std::string_view data) { response->body += data; },
                .on_done =
                    [response, done = std::move(done)](const absl::Status& status) {
                      if (!status.ok()) return done(status);
                      done(std::move(*response));
                    }});
}

std::shared_ptr<OngoingCall> Client::Start(ClientRequest request, StreamEvents events) {
  return impl_->Start(std::move(request), std::move(events));
}

}  // namespace gonka::http
