//! The front door: HTTP/1.1 and HTTP/2 from anybody, with TLS or without. It decides who may pass and answers what is the gateway's own; it never reads a frame.
//!
//! | module | what |
//! |---|---|
//! | `accept`, `connection`, `transport` | sockets, TLS, which HTTP it is |
//! | `strict_head` | what hyper leaves open about HTTP/1.1 |
//! | `http2`, `h2_windows`, `h2_frames`, `frame_guard` | limits of HTTP/2, and what hyper leaves open about it |
//! | `route` | from a request to whoever answers it |
//! | [`host`], [`origin`], [`credential`], `admission` | whose request, from whom |
//! | [`handshake`], [`headers`] | the HTTP part of a WebSocket |
//! | `carried` | an answer with carrier messages |
//! | `link`, `link_http`, `link_close` | where pages attach, also by plain requests, and how they leave without a carrier |
//! | `webtransport` | the same over QUIC |
//! | `assets`, `site_files`, `content_type`, `well_known` | what is served to everybody |
//! | `percent` | what stands in paths |
//! | `respond`, `advice`, `error_page`, `body` | answers and their codes |
//! | [`response_headers`] | what of a page's answer reaches its visitor |

pub(crate) mod accept;
pub(crate) mod admission;
mod advice;
mod assets;
pub(crate) mod body;
mod carried;
pub(crate) mod connection;
mod content_type;
pub mod credential;
mod error_page;
mod frame_guard;
pub mod grants;
mod h2_frames;
pub(crate) mod h2_windows;
pub mod handshake;
pub mod headers;
pub mod host;
mod http2;
pub mod jwt;
pub(crate) mod link;
mod link_close;
mod link_http;
pub mod origin;
pub(crate) mod percent;
pub(crate) mod respond;
pub mod response_headers;
mod route;
pub(crate) mod site_files;
mod strict_head;
pub(crate) mod transport;
pub(crate) mod webtransport;
mod well_known;
