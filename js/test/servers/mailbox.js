// The messages of a mailbox for tests, as they are on the wire (RFC 5322, CRLF): plain ones, ones whose headers are encoded (RFC 2047), one of
// several parts, and a long one.

import { createHash } from "node:crypto";

/** @param {string[]} lines */
const message = (...lines) => `${lines.join("\r\n")}\r\n`;

/** Text that is the same each time, and the same nowhere within. @param {number} count */
const lines = (count) => Array.from({ length: count }, (_, i) => createHash("sha256").update(`line ${i}`).digest("base64"));

export const MESSAGES = [
  message(
    "From: Ada <ada@example.test>",
    "To: reader@example.test",
    "Subject: The first message",
    "Date: Tue, 04 Nov 2025 09:00:00 +0000",
    "Message-ID: <1@example.test>",
    "",
    "Hello reader,",
    "this is plain ASCII.",
  ),
  message(
    "From: =?utf-8?B?SsO8cmdlbiBHcsO8bg==?= <juergen@example.test>",
    "To: reader@example.test",
    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?= =?utf-8?Q?_und_Z=C3=BCrich?=",
    "Date: Wed, 05 Nov 2025 18:30:00 +0100",
    "Message-ID: <2@example.test>",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "Sch=C3=B6ne Gr=C3=BC=C3=9Fe, 100=25 echt.",
  ),
  message(
    "From: =?iso-8859-1?Q?Andr=E9?= <andre@example.test>",
    "To: reader@example.test",
    "Subject: =?utf-8?B?5pel5pys6Kqe44Gu5Lu25ZCN?= =?utf-8?B?8J+Yig==?=",
    "Date: Thu, 06 Nov 2025 07:15:00 +0900",
    "Message-ID: <3@example.test>",
    "MIME-Version: 1.0",
    'Content-Type: multipart/alternative; boundary="cut"',
    "",
    "--cut",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    "5pel5pys6Kqe44Gu5pys5paH",
    "--cut",
    "Content-Type: text/html; charset=utf-8",
    "",
    "<p>In a <b>page</b>",
    "--cut--",
  ),
  message(
    "From: archive@example.test",
    "To: reader@example.test",
    "Subject: A long one",
    "Date: Fri, 07 Nov 2025 23:59:59 +0000",
    "Message-ID: <4@example.test>",
    "",
    ...lines(6_000),
  ),
];
