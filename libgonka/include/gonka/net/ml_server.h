#pragma once

// The ML node's HTTP API (engine/wire.h): an engine, served to network nodes.

#include "gonka/engine/engine.h"
#include "gonka/http/server.h"

namespace gonka::net {

// Adds GET /health, GET /ml/v1/info, POST /ml/v1/generate and POST /ml/v1/score. The engine must
// outlive the server's Stop. A caller that hangs up cancels its request.
void ServeEngine(http::Server& server, engine::Engine& engine);

}  // namespace gonka::net
