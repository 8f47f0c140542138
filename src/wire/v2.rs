//! What is the same on both ends of the v2 wire: names, limits, and where one number means another
//! thing than the next.
//!
//! Protocol reference, section 2.

/// The path of the stream.
pub(crate) const SUBSCRIBE_PATH: &str = "/xrpc/network.bsky.jetstream.subscribeEvents";

/// The path of the dictionary; with [`param::DICTIONARY_ID`], of one with this id.
pub(crate) const DICTIONARY_PATH: &str = "/xrpc/network.bsky.jetstream.getZstdDictionary";

/// The calls by which an archive is fetched.
pub(crate) mod archive {
    /// What of the archive a filter needs; the only one that is a POST.
    pub(crate) const PLAN_PATH: &str = "/xrpc/network.bsky.jetstream.planSnapshot";
    /// All files, page by page.
    pub(crate) const LIST_PATH: &str = "/xrpc/network.bsky.jetstream.listSegments";
    /// A whole file, or a range of it.
    pub(crate) const SEGMENT_PATH: &str = "/xrpc/network.bsky.jetstream.getSegment";
    /// The frame of one block.
    pub(crate) const BLOCK_PATH: &str = "/xrpc/network.bsky.jetstream.getBlock";
    /// The most files on a page of the list.
    pub(crate) const MAX_LISTED: usize = 1000;
    /// The longest body of a request.
    pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

    /// What answers say of how many bytes may be fetched.
    pub(crate) mod quota {
        /// At once.
        pub(crate) const BURST_BYTES: &str = "headwind-quota-burst-bytes";
        /// How many come back in a period.
        pub(crate) const REFILL_BYTES: &str = "headwind-quota-refill-bytes";
        /// How long a period is.
        pub(crate) const REFILL_PERIOD_SECONDS: &str = "headwind-quota-refill-period-seconds";
    }
}

/// The response header that names the dictionary's id.
pub(crate) const DICTIONARY_ID_HEADER: &str = "X-Zstd-Dictionary-Id";

/// What a client offers as `Sec-WebSocket-Protocol`, and a server echoes or leaves out.
pub(crate) const SUBPROTOCOL: &str = "xrpc.v1.json";

/// The parameters of a query.
pub(crate) mod param {
    pub(crate) const COLLECTIONS: &str = "collections";
    pub(crate) const CURSOR: &str = "cursor";
    pub(crate) const DIDS: &str = "dids";
    pub(crate) const KINDS: &str = "kinds";
    pub(crate) const MAX_MESSAGE_SIZE_BYTES: &str = "maxMessageSizeBytes";
    /// The id of the dictionary that frames are to be compressed with.
    pub(crate) const ZSTD_DICTIONARY: &str = "zstdDictionary";
    /// The id of the dictionary that is asked for, at its own path.
    pub(crate) const DICTIONARY_ID: &str = "id";
}

/// Errors by name, in the body of a refusal or in a frame that ends a connection.
pub(crate) mod error {
    /// 400: the number asked for lies below what the server still has.
    pub(crate) const CURSOR_TOO_OLD: &str = "CursorTooOld";
    /// 400: for good.
    pub(crate) const INVALID_REQUEST: &str = "InvalidRequest";
    /// 400: the dictionary of this id is not, or no longer, the server's.
    pub(crate) const UNKNOWN_ZSTD_DICTIONARY: &str = "UnknownZstdDictionary";
    /// 404, at the dictionary's path with an id.
    pub(crate) const DICTIONARY_NOT_FOUND: &str = "DictionaryNotFound";
    /// 404: no file of this name.
    pub(crate) const SEGMENT_NOT_FOUND: &str = "SegmentNotFound";
    /// 404: the file has fewer blocks.
    pub(crate) const BLOCK_NOT_FOUND: &str = "BlockNotFound";
    /// 405.
    pub(crate) const METHOD_NOT_ALLOWED: &str = "MethodNotAllowed";
    /// 413: the body of the request is too long.
    pub(crate) const TOO_LARGE: &str = "TooLarge";
    /// 500.
    pub(crate) const INTERNAL_SERVER_ERROR: &str = "InternalServerError";
    /// 501: no such path.
    pub(crate) const METHOD_NOT_IMPLEMENTED: &str = "MethodNotImplemented";
    /// 503: not yet.
    pub(crate) const SERVICE_UNAVAILABLE: &str = "ServiceUnavailable";
    /// A frame: the client was too slow.
    pub(crate) const CONSUMER_TOO_SLOW: &str = "ConsumerTooSlow";
    /// A frame.
    pub(crate) const INTERNAL_ERROR: &str = "InternalError";
}

/// What frames begin with.
pub(crate) mod frame {
    /// The `$type` of a frame with a payload.
    pub(crate) const MESSAGE: &str = "message";
    /// The `$type` of the frame that ends a connection.
    pub(crate) const ERROR: &str = "error";
    /// What the `$type` of each payload begins with; the kind follows.
    pub(crate) const PAYLOAD_PREFIX: &str = "network.bsky.jetstream.subscribeEvents#";
    /// The payload that is no event.
    pub(crate) const INFO: &str = "info";
    /// The name of an info: a time was asked for that the server no longer has.
    pub(crate) const OUTDATED_CURSOR: &str = "OutdatedCursor";
}

/// The most query parameters of all names together: the servers' HTTP library refuses more.
pub(crate) const MAX_PARAMETERS: usize = 10_000;

/// A `cursor` from here on is a time in microseconds, and a number of the server below.
pub(crate) const FIRST_TIME_CURSOR: u64 = 1_000_000_000_000_000;
