//! The front door: HTTP/1.1 from anybody. It decides who may pass and answers what is the gateway's own; it never reads a frame.
//!
//! | module | what |
//! |---|---|
//! | `accept`, `connection`, `strict_head` | sockets, limits, hyper |
//! | `route` | from a request to whoever answers it |
//! | [`host`], [`origin`], [`credential`], `admission` | whose request, from whom |
//! | [`handshake`], [`headers`] | the HTTP part of a WebSocket |
//! | `link`, `link_close` | where pages attach, and how they leave without a carrier |
//! | `assets`, `well_known` | what is served to everybody |
//! | `respond`, `advice`, `error_page`, `body` | answers and their codes |
//! | [`response_headers`] | what of a page's answer reaches its visitor |

pub(crate) mod accept;
pub(crate) mod admission;
mod advice;
mod assets;
pub(crate) mod body;
pub(crate) mod connection;
pub mod credential;
mod error_page;
pub mod grants;
pub mod handshake;
pub mod headers;
pub mod host;
pub mod jwt;
pub(crate) mod link;
mod link_close;
pub mod origin;
pub(crate) mod respond;
pub mod response_headers;
mod route;
mod strict_head;
mod well_known;
