//! Against the official server and its network simulator, where they are at hand.
