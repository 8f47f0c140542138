//! Opening a connection: TLS, proxies, the upgrade, compression, long filters.
