#pragma once

// Reads requests off a connection's bytes, cut anywhere. Strict, because what two programs read
// differently is how requests are smuggled past one of them: lines end in CRLF, names are tokens,
// a body has one length, and whatever is not plain is refused with a status.

#include <cstddef>
#include <string>
#include <string_view>

#include "gonka/http/message.h"

namespace gonka::http {

struct RequestLimits {
  size_t head_max = 32 << 10;
  size_t body_max = 16 << 20;
};

class RequestReader {
 public:
  enum class State { kHead, kBody, kDone, kRefused };

  explicit RequestReader(RequestLimits limits) : limits_(limits) {}

  // Takes from data what belongs to this request and returns how much that was. Less than all only
  // when the request is done or refused.
  size_t Read(std::string_view data);

  State state() const { return state_; }
  // Any byte of the request has been seen.
  bool started() const { return started_; }
  // Bytes of body held.
  size_t buffered() const { return request_.body.size(); }
  // Once, when the head of a request that waits for "100 Continue" is complete.
  bool TakeExpectsContinue() { return std::exchange(expects_continue_, false); }

  // kDone:
  Request TakeRequest() { return std::move(request_); }
  bool keep_alive() const { return keep_alive_; }
  bool http_1_0() const { return http_1_0_; }

  // kRefused:
  int refusal_status() const { return refusal_status_; }
  const std::string& refusal() const { return refusal_; }

  // For the next request of the connection.
  void Reset();

 private:
  enum class Chunk { kSize, kData, kDataEnd, kTrailer };

  size_t ReadHead(std::string_view data);
  void TakeHead(std::string_view head);
  bool TakeRequestLine(std::string_view line);
  bool TakeTarget(std::string_view target);
  bool TakeField(std::string_view line);
  bool TakeFraming();
  bool TakeLength(const std::string& length);
  size_t ReadBody(std::string_view data);
  size_t ReadChunked(std::string_view data);
  size_t ReadChunkLine(std::string_view data);
  void TakeChunkLine();
  void TakeChunkSize();
  bool Refuse(int status, std::string message);

  RequestLimits limits_;
  State state_ = State::kHead;
  bool started_ = false;
  std::string head_;
  Request request_;
  bool expects_continue_ = false;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool chunked_ = false;
  size_t body_left_ = 0;  // Of the body, or of the chunk.
  Chunk chunk_ = Chunk::kSize;
  std::string chunk_line_;
  size_t trailer_size_ = 0;
  int refusal_status_ = 0;
  std::string refusal_;
};

// "%41?x=1" -> pairs, decoded; false for broken escapes or more than 64 pairs.
bool ParseQuery(std::string_view text, NamedValues& out);

}  // namespace gonka::http
