//! What the wire promises, seen from outside.

mod codec;
mod codes;
mod decoded;
mod simulation;
mod vectors;
