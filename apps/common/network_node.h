#pragma once

// The frame of every network node program: flags, a participant's node, until a signal comes.

#include <functional>

#include "gonka/net/participant_node.h"

namespace gonka::apps {

using Adjust = std::function<void(const KeyPair& key, net::ParticipantOptions& options)>;

// The program's exit status. adjust may be empty.
int RunNetworkNode(int argc, char** argv, const char* description, const Adjust& adjust);

}  // namespace gonka::apps
