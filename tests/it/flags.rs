//! Every flag has a test of what it does; this table knows which.
