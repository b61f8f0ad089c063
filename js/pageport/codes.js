/**
 * Error codes: numbers on the wire, names everywhere else (spec/errors.md).
 *
 * Knows every code that can come over the wire. Must never invent a meaning: a number that is not listed keeps its number.
 */

export const FRAME_UNKNOWN = 16;
export const FRAME_TOO_LARGE = 17;
export const FRAME_MALFORMED = 18;
export const FRAME_FLOOD = 19;
export const FLOW_CONTROL = 20;
export const GAP = 21;
export const STREAM_ID = 22;
export const STREAM_LIMIT = 23;
export const FINAL_OFFSET = 24;
export const ACK_INVALID = 25;
export const ATTACH_ORDER = 26;
export const HELLO_INVALID = 36;
export const VERSION = 37;
export const SESSION_LOST = 38;
export const GOING_AWAY = 42;
export const SESSION_CLOSED = 43;
export const ABORTED = 64;
export const HEAD_TOO_LARGE = 65;
export const HEAD_INVALID = 66;
export const UNSUPPORTED = 67;
export const REJECTED = 69;
export const NAME_REPLACED = 77;
export const GATEWAY_UNREACHABLE = 128;
export const INVALID_STATE = 129;
export const INVALID_ARGUMENT = 130;
export const NAME_IN_USE = 131;
export const INSECURE_CONTEXT = 132;
export const STREAM_ENDED = 133;
export const LINE_TOO_LONG = 134;
export const STARTTLS_DIRTY = 160;

const NAMES = ["NO_ERROR"];
let number = 1;
// A number says where the names behind it begin.
for (const word of (
  "INTERNAL " +
  "16 FRAME_UNKNOWN FRAME_TOO_LARGE FRAME_MALFORMED FRAME_FLOOD FLOW_CONTROL GAP STREAM_ID STREAM_LIMIT FINAL_OFFSET ACK_INVALID ATTACH_ORDER " +
  "32 ATTACH_STALE ATTACH_FORBIDDEN ATTACH_ORIGIN ATTACH_TIMEOUT HELLO_INVALID VERSION SESSION_LOST CARRIER_REPLACED CARRIER_SILENT OVERLOADED GOING_AWAY SESSION_CLOSED SESSION_LIMIT CARRIER_UNKNOWN CARRIER_SEQUENCE CARRIER_REQUEST " +
  "64 ABORTED HEAD_TOO_LARGE HEAD_INVALID UNSUPPORTED UNEXPECTED_DATA REJECTED VISITOR_GONE LISTENER_LIMIT 77 NAME_REPLACED 82 TARGET_UNREACHABLE 85 TARGET_FORBIDDEN 88 TARGET_TIMEOUT TARGET_TLS 91 CONNECT_LIMIT TARGET_CONNECTION_REFUSED 94 TARGET_IDLE TARGET_LIFETIME " +
  "98 ORIGIN_FORBIDDEN CREDENTIAL_REQUIRED CREDENTIAL_INVALID 110 ACCEPT_TIMEOUT BAD_REPLY 113 BODY_TIMEOUT 128 GATEWAY_UNREACHABLE INVALID_STATE INVALID_ARGUMENT NAME_IN_USE INSECURE_CONTEXT STREAM_ENDED LINE_TOO_LONG 160 STARTTLS_DIRTY"
).split(" ")) {
  if (+word) number = +word;
  else NAMES[number++] = "ERR_" + word;
}

/** @param {number} number */
export const nameOf = (number) => NAMES[number] ?? "ERR_" + number;

/** -1 if the name has no number here. @param {string} name */
export const numberOf = (name) => NAMES.indexOf(name);
