#include "http/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "gonka/http/url.h"

namespace gonka::http {
namespace {

constexpr size_t kFieldsMax = 100;
constexpr size_t kQueryMax = 64;
constexpr size_t kTargetMax = 8 << 10;
constexpr size_t kChunkLineMax = 1 << 10;

bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

bool IsFieldValueChar(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 127);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Whether the comma-separated list of a Connection field names the option.
bool ListHas(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (EqualIgnoringCase(Trim(list.substr(0, comma)), option)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// For messages: printable, short.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 64)) out += c >= ' ' && c < 127 ? c : '?';
  return out + (text.size() > 64 ? "...\"" : "\"");
}

}  // namespace

size_t RequestReader::Read(std::string_view data) {
  size_t taken = 0;
  while (state_ == State::kHead || state_ == State::kBody) {
    if (taken == data.size()) break;
    const std::string_view rest = data.substr(taken);
    taken += state_ == State::kHead ? ReadHead(rest) : ReadBody(rest);
  }
  return taken;
}

void RequestReader::Reset() {
  *this = RequestReader(limits_);
}

bool RequestReader::Refuse(int status, std::string message) {
  state_ = State::kRefused;
  refusal_status_ = status;
  refusal_ = std::move(message);
  return false;
}

size_t RequestReader::ReadHead(std::string_view data) {
  if (!started_) {
    // Blank lines before a request are allowed. Anything but a method is not HTTP, and a client
    // that speaks TLS should hear of it before the head's time is up.
    if (data.front() == '\r' || data.front() == '\n') return 1;
    started_ = true;
    if (!IsTokenChar(data.front())) {
      Refuse(400, "this is no HTTP request; https is not spoken here");
      return 0;
    }
  }
  const size_t before = head_.size();
  head_ += data.substr(0, limits_.head_max + 1 - before);
  const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (head_.size() > limits_.head_max) {
      Refuse(431, fmt::format("the request's head is larger than {} bytes", limits_.head_max));
    }
    return head_.size() - before;
  }
  const size_t head_size = end + 4;
  TakeHead(std::string_view(head_).substr(0, end + 2));
  head_.clear();
  return head_size - before;
}

void RequestReader::TakeHead(std::string_view head) {
  size_t line_end = head.find("\r\n");
  if (!TakeRequestLine(head.substr(0, line_end))) return;
  for (head.remove_prefix(line_end + 2); !head.empty(); head.remove_prefix(line_end + 2)) {
    line_end = head.find("\r\n");
    if (!TakeField(head.substr(0, line_end))) return;
  }
  TakeFraming();
}

bool RequestReader::TakeRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) {
    return Refuse(400, fmt::format("{} is no request line", Quoted(line)));
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method) || method.size() > 16) {
    return Refuse(400, fmt::format("{} is no method", Quoted(method)));
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refuse(version.starts_with("HTTP/") ? 505 : 400,
                  fmt::format("{} is neither HTTP/1.1 nor HTTP/1.0", Quoted(version)));
  }
  request_.method = method;
  http_1_0_ = version == "HTTP/1.0";
  return TakeTarget(line.substr(first + 1, last - first - 1));
}

bool RequestReader::TakeTarget(std::string_view target) {
  if (target.size() > kTargetMax) {
    return Refuse(414, fmt::format("the request's target is longer than {} bytes", kTargetMax));
  }
  const bool printable = std::all_of(target.begin(), target.end(),
                                     [](char c) { return c > ' ' && c < 127 && c != '#'; });
  if (!printable || (!target.starts_with('/') && target != "*")) {
    return Refuse(400, fmt::format("{} is no path", Quoted(target)));
  }
  const size_t question = std::min(target.find('?'), target.size());
  request_.path = target.substr(0, question);
  if (question < target.size() && !ParseQuery(target.substr(question + 1), request_.query)) {
    return Refuse(400, fmt::format("the query {} is malformed or has more than {} parts",
                                   Quoted(target.substr(question)), kQueryMax));
  }
  return true;
}

bool RequestReader::TakeField(std::string_view line) {
  if (request_.headers.size() == kFieldsMax) {
    return Refuse(431, fmt::format("the request has more than {} header fields", kFieldsMax));
  }
  // No space before the colon and no line folding: both are read differently by different servers.
  const size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  if (colon == line.size() || !IsToken(name)) {
    return Refuse(400, fmt::format("{} is no header field", Quoted(line)));
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!std::all_of(value.begin(), value.end(), IsFieldValueChar)) {
    return Refuse(400, fmt::format("the header field {} holds a control character", Quoted(name)));
  }
  request_.headers.Add(std::string(name), std::string(value));
  return true;
}

bool RequestReader::TakeFraming() {
  const Headers& headers = request_.headers;
  const std::string connection = headers.Get("Connection");
  keep_alive_ = !http_1_0_ && !ListHas(connection, "close");
  if (headers.Count("Host") > 1 || (!http_1_0_ && headers.Count("Host") == 0)) {
    return Refuse(400, "the request has not exactly one Host");
  }
  const std::string* encoding = headers.Find("Content-Encoding");
  if (encoding && !EqualIgnoringCase(*encoding, "identity")) {
    return Refuse(415, fmt::format("content encoding {} is not taken", Quoted(*encoding)));
  }
  const std::string* transfer = headers.Find("Transfer-Encoding");
  const std::string* length = headers.Find("Content-Length");
  if (transfer) {
    if (length || http_1_0_) {
      return Refuse(400, "the request has a Transfer-Encoding and another way to tell its length");
    }
    if (headers.Count("Transfer-Encoding") > 1 || !EqualIgnoringCase(*transfer, "chunked")) {
      return Refuse(501, fmt::format("transfer encoding {} is not taken", Quoted(*transfer)));
    }
    chunked_ = true;
  } else if (length && !TakeLength(*length)) {
    return false;
  }
  if (const std::string* expect = headers.Find("Expect")) {
    if (!EqualIgnoringCase(*expect, "100-continue")) {
      return Refuse(417, fmt::format("expectation {} is unknown", Quoted(*expect)));
    }
    expects_continue_ = chunked_ || body_left_ > 0;
  }
  state_ = chunked_ || body_left_ > 0 ? State::kBody : State::kDone;
  return true;
}

bool RequestReader::TakeLength(const std::string& length) {
  const char* end = length.data() + length.size();
  const auto [stop, error] = std::from_chars(length.data(), end, body_left_);
  const bool digits = !length.empty() && stop == end && length.front() != '-';
  if (request_.headers.Count("Content-Length") > 1 || !digits) {
    return Refuse(400, fmt::format("{} is no Content-Length", Quoted(length)));
  }
  if (error == std::errc::result_out_of_range || body_left_ > limits_.body_max) {
    return Refuse(413, fmt::format("a body of {} bytes is larger than {}", length.substr(0, 24),
                                   limits_.body_max));
  }
  return true;
}

size_t RequestReader::ReadBody(std::string_view data) {
  if (chunked_) return ReadChunked(data);
  const size_t count = std::min(body_left_, data.size());
  request_.body += data.substr(0, count);
  body_left_ -= count;
  if (body_left_ == 0) state_ = State::kDone;
  return count;
}

size_t RequestReader::ReadChunked(std::string_view data) {
  if (chunk_ != Chunk::kData) return ReadChunkLine(data);
  const size_t count = std::min(body_left_, data.size());
  request_.body += data.substr(0, count);
  body_left_ -= count;
  if (body_left_ == 0) chunk_ = Chunk::kDataEnd;
  return count;
}

size_t RequestReader::ReadChunkLine(std::string_view data) {
  const size_t newline = data.find('\n');
  const size_t count = newline == std::string_view::npos ? data.size() : newline + 1;
  if (chunk_line_.size() + count > kChunkLineMax) {
    Refuse(400, fmt::format("a line between chunks is longer than {} bytes", kChunkLineMax));
    return 0;
  }
  chunk_line_ += data.substr(0, count);
  if (newline == std::string_view::npos) return count;
  if (!chunk_line_.ends_with("\r\n")) {
    Refuse(400, "a line between chunks does not end in CRLF");
    return count;
  }
  chunk_line_.resize(chunk_line_.size() - 2);
  TakeChunkLine();
  chunk_line_.clear();
  return count;
}

void RequestReader::TakeChunkLine() {
  switch (chunk_) {
    case Chunk::kSize:
      return TakeChunkSize();
    case Chunk::kDataEnd:
      if (!chunk_line_.empty()) Refuse(400, "a chunk is longer than it says");
      chunk_ = Chunk::kSize;
      return;
    case Chunk::kTrailer:  // Read and dropped: nobody here uses trailers.
      trailer_size_ += chunk_line_.size();
      if (chunk_line_.empty()) {
        state_ = State::kDone;
      } else if (trailer_size_ > limits_.head_max) {
        Refuse(431, fmt::format("the request's trailer is larger than {} bytes", limits_.head_max));
      }
      return;
    case Chunk::kData:
      return;
  }
}

void RequestReader::TakeChunkSize() {
  const size_t semicolon = std::min(chunk_line_.find(';'), chunk_line_.size());  // Extensions.
  const std::string_view digits = Trim(std::string_view(chunk_line_).substr(0, semicolon));
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, body_left_, 16);
  if (digits.empty() || stop != end) {
    Refuse(400, fmt::format("{} is no chunk size", Quoted(chunk_line_)));
  } else if (error == std::errc::result_out_of_range ||
             body_left_ > limits_.body_max - request_.body.size()) {
    Refuse(413, fmt::format("the body is larger than {} bytes", limits_.body_max));
  } else {
    chunk_ = body_left_ == 0 ? Chunk::kTrailer : Chunk::kData;
  }
}

bool ParseQuery(std::string_view text, NamedValues& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (out.size() == kQueryMax) return false;
    auto& [name, value] = out.emplace_back();
    const size_t equals = std::min(pair.find('='), pair.size());
    if (!PercentDecode(pair.substr(0, equals), true, name)) return false;
    if (!PercentDecode(pair.substr(std::min(equals + 1, pair.size())), true, value)) return false;
  }
  return true;
}

}  // namespace gonka::http
