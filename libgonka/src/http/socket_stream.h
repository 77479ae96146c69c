#pragma once

// The client's end of a connection as cpp-httplib sees it. Its own sockets know one time limit a
// read, no limit on lines and heads, and write a request in several packets; this one buffers both
// ways, bounds everything and keeps a deadline for the whole call.

#include <httplib.h>

#include <string>

#include "absl/status/status.h"
#include "http/socket.h"

namespace gonka::http {

class SocketStream final : public httplib::Stream {
 public:
  struct Limits {
    int64_t read_timeout_us;
    int64_t write_timeout_us;
    int64_t deadline_us;  // Of the call, as NowUs counts.
  };

  explicit SocketStream(UniqueFd fd) : fd_(std::move(fd)) {}

  // For each call, before it.
  void Begin(Limits limits);
  // The head is complete: what follows is bounded by whoever takes it.
  void BeginBody() { in_body_ = true; }

  // Nothing has been heard since Begin.
  bool silent() const { return !heard_; }
  // Why the last read or write failed; OK at an orderly end.
  const absl::Status& failure() const { return failure_; }
  // Open, silent and with nothing left over: good for another call.
  bool Reusable() const;
  // What was read ended in a blank line, as a chunked body must. cpp-httplib takes a chunk that is
  // not followed by CRLF for the body's end.
  bool EndedInBlankLine() const { return tail_ == "\r\n\r\n"; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, size_t size) override;
  ssize_t write(const char* data, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_.get(); }

 private:
  bool Flush();
  bool Fill();
  bool Await(short events, int64_t timeout_us, const char* what);
  bool WithinBounds(std::string_view data);

  UniqueFd fd_;
  Limits limits_{};
  std::string in_;
  size_t in_taken_ = 0;
  std::string out_;
  size_t head_size_ = 0;
  size_t line_size_ = 0;
  std::string tail_;
  bool in_body_ = false;
  bool heard_ = false;
  absl::Status failure_;
};

}  // namespace gonka::http
