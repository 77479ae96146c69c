#include "http/router.h"

#include <algorithm>

#include "gonka/base/check.h"
#include "gonka/http/url.h"

namespace gonka::http {
namespace {

// "/a/b%20c/" -> {"a", "b%20c", ""}
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool DecodeSegments(std::string_view path, std::vector<std::string>& out) {
  for (const std::string_view segment : Split(path)) {
    if (!PercentDecode(segment, false, out.emplace_back())) return false;
  }
  return true;
}

}  // namespace

void Router::Add(std::string method, std::string_view pattern, Handler handler) {
  GONKA_CHECK(pattern.starts_with('/') && handler != nullptr);
  Entry entry{.method = std::move(method), .segments = {}, .handler = std::move(handler)};
  for (const std::string_view text : Split(pattern)) {
    GONKA_CHECK(entry.segments.empty() || entry.segments.back().kind != Segment::Kind::kRest);
    if (text.starts_with('{') && text.ends_with("...}")) {
      entry.segments.push_back(
          {Segment::Kind::kRest, std::string(text.substr(1, text.size() - 5))});
    } else if (text.starts_with('{') && text.ends_with('}')) {
      entry.segments.push_back(
          {Segment::Kind::kParam, std::string(text.substr(1, text.size() - 2))});
    } else {
      entry.segments.push_back({Segment::Kind::kLiteral, std::string(text)});
    }
  }
  entries_.push_back(std::move(entry));
}

Router::Match Router::Find(Request& request) const {
  std::vector<std::string> path;
  if (!DecodeSegments(request.path, path)) return {.status = 400};
  const std::string_view asked = request.method;
  const std::string_view method = asked == "HEAD" ? "GET" : asked;
  Match match;
  for (const Entry& entry : entries_) {
    NamedValues params;
    if (!Matches(entry, path, params)) continue;
    if (entry.method == method) {
      request.path_params = std::move(params);
      return {.handler = &entry.handler, .status = 200};
    }
    match.status = 405;
    match.allow += (match.allow.empty() ? "" : ", ") + entry.method;
  }
  return match;
}

bool Router::Matches(const Entry& entry, const std::vector<std::string>& path,
                     NamedValues& params) {
  for (size_t i = 0; i < entry.segments.size(); ++i) {
    const Segment& segment = entry.segments[i];
    if (i >= path.size()) return false;
    if (segment.kind == Segment::Kind::kRest) {
      std::string rest = path[i];
      for (size_t j = i + 1; j < path.size(); ++j) rest += "/" + path[j];
      params.emplace_back(segment.text, std::move(rest));
      return true;
    }
    if (segment.kind == Segment::Kind::kParam) {
      if (path[i].empty()) return false;
      params.emplace_back(segment.text, path[i]);
    } else if (segment.text != path[i]) {
      return false;
    }
  }
  return path.size() == entry.segments.size();
}

}  // namespace gonka::http
