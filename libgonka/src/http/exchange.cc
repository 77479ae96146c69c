// The answering side of a request: heads, chunks, and the public handles over them.
#include <fmt/format.h>

#include "http/connection.h"

namespace gonka::http {
namespace {

// A handler may echo what a client sent: it must not become another header field.
std::string OneLine(std::string_view value) {
  std::string out(value);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';
  }
  return out;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<Connection> connection, const Request& request, bool http_1_0,
                   bool keep_alive)
    : connection_(std::move(connection)),
      head_only_(request.method == "HEAD"),
      http_1_0_(http_1_0),
      keep_alive_(keep_alive) {}

bool Exchange::HasNoBody(int status) const {
  return head_only_ || status == 204 || status == 304;
}

std::string Exchange::Head(const Response& response, bool with_length) const {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonPhrase(response.status));
  if (!response.content_type.empty() && response.status != 204) {
    head += fmt::format("Content-Type: {}\r\n", OneLine(response.content_type));
  }
  if (with_length) {
    if (response.status != 204) head += fmt::format("Content-Length: {}\r\n", response.body.size());
  } else if (!http_1_0_) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    head += fmt::format("{}: {}\r\n", OneLine(name), OneLine(value));
  }
  head += keep_alive_ ? "\r\n" : "Connection: close\r\n\r\n";
  return head;
}

std::string Exchange::Framed(std::string_view data) const {
  if (data.empty() || muted_) return {};
  if (http_1_0_) return std::string(data);  // The end of the connection ends it.
  std::string chunk;
  chunk.reserve(data.size() + 20);
  fmt::format_to(std::back_inserter(chunk), "{:x}\r\n", data.size());
  chunk += data;
  chunk += "\r\n";
  return chunk;
}

void Exchange::Send(const Response& response) {
  std::string text = Head(response, true);
  if (!HasNoBody(response.status)) text += response.body;
  Connection::Deferred deferred;
  const Connection::Lock lock(connection_->mutex_);
  if (state_ != State::kOpen) return;
  state_ = State::kDone;
  connection_->Write(text, deferred);
  connection_->Complete(keep_alive_, deferred);
}

bool Exchange::StartStream(const Response& response) {
  muted_ = HasNoBody(response.status);
  const std::string text = Head(response, false) + Framed(response.body);
  Connection::Deferred deferred;
  const Connection::Lock lock(connection_->mutex_);
  if (state_ != State::kOpen) return false;
  state_ = State::kStreaming;
  connection_->Write(text, deferred);
  connection_->ArmUnlessDispatching();
  return state_ == State::kStreaming;
}

bool Exchange::Write(std::string_view data) {
  const std::string chunk = Framed(data);
  Connection::Deferred deferred;
  const Connection::Lock lock(connection_->mutex_);
  if (state_ != State::kStreaming) return false;
  const bool waited = connection_->Unsent() > 0;
  connection_->Write(chunk, deferred);
  if (connection_->Unsent() > connection_->context_->options.unsent_max) {
    connection_->Close(deferred);
  }
  if (!waited && connection_->Unsent() > 0) connection_->ArmUnlessDispatching();
  return state_ == State::kStreaming;
}

bool Exchange::WriteWait(std::string_view data, int64_t timeout_us) {
  {
    Connection::Lock lock(connection_->mutex_);
    const auto has_room = [&] {
      const size_t unsent = connection_->Unsent();
      return state_ != State::kStreaming || unsent == 0 ||
             unsent + data.size() <= connection_->context_->options.unsent_max;
    };
    if (!has_room()) connection_->Arm();  // This may be the very thread that would arm it later.
    if (!connection_->room_.wait_for(lock, std::chrono::microseconds(timeout_us), has_room)) {
      return false;
    }
  }
  return Write(data);
}

void Exchange::Finish() {
  Connection::Deferred deferred;
  const Connection::Lock lock(connection_->mutex_);
  if (state_ != State::kStreaming) return;
  state_ = State::kDone;
  if (!http_1_0_ && !muted_) connection_->Write("0\r\n\r\n", deferred);
  connection_->Complete(keep_alive_, deferred);
}

void Exchange::Abandon() {
  {
    const Connection::Lock lock(connection_->mutex_);
    if (state_ != State::kOpen) return;
  }
  Send(connection_->context_->Refusal(500, "the request was dropped without an answer"));
}

void Exchange::Cut() {
  Connection::Deferred deferred;
  const Connection::Lock lock(connection_->mutex_);
  if (state_ == State::kStreaming) connection_->Close(deferred);
}

bool Exchange::HungUp() const {
  const Connection::Lock lock(connection_->mutex_);
  return state_ == State::kHungUp;
}

void Exchange::OnHangUp(std::function<void()> task) {
  {
    const Connection::Lock lock(connection_->mutex_);
    if (state_ != State::kHungUp) {
      // Swapped, so that a task it replaces is destroyed after the lock.
      if (state_ != State::kDone) std::swap(on_hang_up_, task);
      return;
    }
  }
  task();
}

StreamWriter::StreamWriter(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
StreamWriter::~StreamWriter() {
  exchange_->Cut();
}
bool StreamWriter::Write(std::string_view data) {
  return exchange_->Write(data);
}
bool StreamWriter::WriteWait(std::string_view data, int64_t timeout_us) {
  return exchange_->WriteWait(data, timeout_us);
}
void StreamWriter::Finish() {
  exchange_->Finish();
}
bool StreamWriter::HungUp() const {
  return exchange_->HungUp();
}

Responder::Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
Responder::~Responder() {
  exchange_->Abandon();
}
void Responder::Send(Response response) {
  exchange_->Send(response);
}
std::shared_ptr<StreamWriter> Responder::Stream(Response response) {
  exchange_->StartStream(response);
  return std::make_shared<StreamWriter>(exchange_);
}
bool Responder::HungUp() const {
  return exchange_->HungUp();
}
void Responder::OnHangUp(std::function<void()> task) {
  exchange_->OnHangUp(std::move(task));
}

}  // namespace gonka::http
