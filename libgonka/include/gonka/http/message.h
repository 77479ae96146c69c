#pragma once

// What an HTTP request and a response are made of, shared by server and client.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gonka::http {

// Header fields in the order in which they came. Names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void Add(std::string name, std::string value);
  // The first value of that name, or nullptr.
  const std::string* Find(std::string_view name) const;
  // The first value of that name, or "".
  std::string Get(std::string_view name) const;
  size_t Count(std::string_view name) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

bool EqualIgnoringCase(std::string_view a, std::string_view b);

using NamedValues = std::vector<std::pair<std::string, std::string>>;

// As a server received it: complete, bounded, and checked for form.
struct Request {
  std::string method;       // "GET"
  std::string path;         // "/v1/models/tiny%201": as sent, without the query
  NamedValues path_params;  // {"model", "tiny 1"}: decoded, in the order of the pattern
  NamedValues query;        // decoded
  Headers headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1"
  uint16_t remote_port = 0;

  // The decoded value, or nullptr where it is absent.
  const std::string* PathParam(std::string_view name) const;
  const std::string* Query(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  // Content-Type, Content-Length and Connection are written for you.
  Headers headers = {};
};

// "Not Found"; "Status" where the number is unknown.
std::string_view ReasonPhrase(int status);

}  // namespace gonka::http
