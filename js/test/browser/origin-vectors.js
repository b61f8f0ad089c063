// Origins that are not the allowed one, however much they look like it. A browser sends some of these; the others come from programs that try.

/** The one that a gateway's configuration names. */
export const ALLOWED = "https://app.example:8443";
/** What the gateway's listeners are under. */
export const BASE = "gw.test";

/** Bytes as a header field has them. @param {string} text */
const utf8 = (text) => Buffer.from(text).toString("latin1");

/** What nobody is let in with. @type {Record<string, string | string[]>} */
export const FOREIGN = {
  null: "null",
  foreign: "https://evil.example",
  "with something behind it": "https://app.example.evil.example:8443",
  "with something before it": "https://evilapp.example:8443",
  "below it": "https://www.app.example:8443",
  "above it": "https://example:8443",
  "another port": "https://app.example:8444",
  "a longer port": "https://app.example:84430",
  "no port": "https://app.example",
  "the default port, written": "https://app.example:443",
  "a port that begins with 0": "https://app.example:08443",
  "another scheme": "http://app.example:8443",
  "a WebSocket's scheme": "wss://app.example:8443",
  "a dot at the end": "https://app.example.:8443",
  "upper case in the host": "https://APP.example:8443",
  "upper case in the scheme": "HTTPS://app.example:8443",
  "a user": "https://user@app.example:8443",
  "the allowed one as a user": "https://app.example:8443@evil.example",
  "a slash at the end": "https://app.example:8443/",
  "a path": "https://app.example:8443/page",
  "a query": "https://app.example:8443?",
  "a fragment": "https://app.example:8443#",
  "backslashes": "https:\\\\app.example:8443",
  "one slash": "https:/app.example:8443",
  "percent-encoded": "https://app%2eexample:8443",
  "its twin in punycode": "https://xn--pp-6kc.example:8443",
  "its twin in Unicode": utf8("https://\u0430pp.example:8443"),
  "a full stop of another script": utf8("https://app\u3002example:8443"),
  "a soft hyphen": utf8("https://app\u00ad.example:8443"),
  "two in one field": `${ALLOWED} https://evil.example`,
  "a list": `${ALLOWED}, ${ALLOWED}`,
  "in two fields": [ALLOWED, "https://evil.example"],
  "twice the same": [ALLOWED, ALLOWED],
  empty: "",
  "a wildcard": "*",
  "a file": "file://",
  "an extension": "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
  "the gateway itself": `http://${BASE}`,
  "a listener's": `http://stranger.${BASE}`,
  "a listener's, and listed": `http://listed.${BASE}`,
  "a listener's in development": "http://stranger.localhost",
  "this machine": "http://localhost:8443",
  "this machine by address": "http://127.0.0.1:8443",
};

/** In `dev` every port of this machine is allowed, and nothing that looks like it. @type {Record<string, string>} */
export const FOREIGN_IN_DEV = {
  null: "null",
  foreign: "https://evil.example",
  "localhost with something behind it": "http://localhost.evil.example",
  "an address with something behind it": "http://127.0.0.1.evil.example",
  "with something before it": "http://notlocalhost",
  "a listener's": "http://stranger.localhost",
  "a dot at the end": "http://localhost.",
  "upper case": "http://LOCALHOST",
  "a short address": "http://127.1",
  "the address as a number": "http://2130706433",
  "another address of loopback": "http://127.0.0.2",
  "no address": "http://0.0.0.0",
  "a mapped address": "http://[::ffff:127.0.0.1]",
  "a long address": "http://[0:0:0:0:0:0:0:1]",
  "a user": "http://localhost@evil.example",
  "another scheme": "ftp://localhost",
};
