//! The encodings of events: on which wire, and whether compressed.

/// What a consumer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    V1,
    V2,
}

/// Which of a block's encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The lines of the v1 wire, which a block is read into.
    Plain,
    Zstd,
    V2,
    V2Zstd,
}

impl Encoding {
    pub(super) fn new(wire: Wire, is_compressed: bool) -> Self {
        match (wire, is_compressed) {
            (Wire::V1, false) => Self::Plain,
            (Wire::V1, true) => Self::Zstd,
            (Wire::V2, false) => Self::V2,
            (Wire::V2, true) => Self::V2Zstd,
        }
    }

    pub(super) fn wire(self) -> Wire {
        match self {
            Self::Plain | Self::Zstd => Wire::V1,
            Self::V2 | Self::V2Zstd => Wire::V2,
        }
    }

    pub(super) fn is_compressed(self) -> bool {
        matches!(self, Self::Zstd | Self::V2Zstd)
    }
}
