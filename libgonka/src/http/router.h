#pragma once

// Finds the handler of a request by method and path.

#include <string>
#include <vector>

#include "gonka/http/server.h"

namespace gonka::http {

class Router {
 public:
  // The pattern as in Server::Route. A malformed one is our mistake.
  void Add(std::string method, std::string_view pattern, Handler handler);

  struct Match {
    const Handler* handler = nullptr;  // Null: see status.
    int status = 404;                  // 400 (broken escape), 404 or 405.
    std::string allow = {};            // With 405: the methods that the path has.
  };
  // Fills in request.path_params where it finds a handler.
  Match Find(Request& request) const;

 private:
  struct Segment {
    enum class Kind { kLiteral, kParam, kRest } kind;
    std::string text;
  };
  struct Entry {
    std::string method;
    std::vector<Segment> segments;
    Handler handler;
  };

  static bool Matches(const Entry& entry, const std::vector<std::string>& path,
                      NamedValues& params);

  std::vector<Entry> entries_;
};

}  // namespace gonka::http
