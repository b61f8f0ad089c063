// In a page: SCRAM (RFC 5802, RFC 7677), the client's side. The server proves itself as well.

const encoder = new TextEncoder();

/**
 * The client's messages: the first, and how it answers the server's first one.
 * @param {"SHA-1" | "SHA-256"} hash @param {string} user @param {string} password
 */
export function scram(hash, user, password) {
  const nonce = encode(crypto.getRandomValues(new Uint8Array(18)));
  const bare = `n=${user.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  return {
    first: `n,,${bare}`,
    /** @param {string} challenge */
    async answer(challenge) {
      const { r, s, i } = attributes(challenge);
      if (!r.startsWith(nonce) || r === nonce) throw new Error("another nonce");
      const salted = await derive(hash, password, decode(s), Number(i));
      const clientKey = await sign(hash, salted, encoder.encode("Client Key"));
      const storedKey = new Uint8Array(await crypto.subtle.digest(hash, clientKey));
      const last = `c=biws,r=${r}`;
      const message = encoder.encode(`${bare},${challenge},${last}`);
      const signature = await sign(hash, storedKey, message);
      const proof = clientKey.map((byte, at) => byte ^ signature[at]);
      const server = await sign(hash, await sign(hash, salted, encoder.encode("Server Key")), message);
      return { last: `${last},p=${encode(proof)}`, /** What the server has to say then. */ expected: `v=${encode(server)}` };
    },
  };
}

/** @param {string} text @returns {Record<string, string>} */
const attributes = (text) => Object.fromEntries(text.split(",").map((part) => [part[0], part.slice(2)]));

/** @param {string} hash @param {string} password @param {Uint8Array<ArrayBuffer>} salt @param {number} iterations */
async function derive(hash, password, salt, iterations) {
  const key = await crypto.subtle.importKey("raw", encoder.encode(password), "PBKDF2", false, ["deriveBits"]);
  const bits = hash === "SHA-1" ? 160 : 256;
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt, iterations }, key, bits));
}

/** @param {string} hash @param {Uint8Array<ArrayBuffer>} secret @param {Uint8Array<ArrayBuffer>} message */
async function sign(hash, secret, message) {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
}

/** @param {Uint8Array} bytes */
export const encode = (bytes) => btoa(String.fromCharCode(...bytes));

/** @param {string} text */
export const decode = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
