// curl with `--proxy socks5h://`, unchanged, against a real web server that the gateway allows: downloads, an upload, many at once, and
// what curl says of what is refused.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { startGateway } from "../browser/gateway.js";
import { demand, run, sha256, website } from "../show/programs.mjs";
import { reached, startSocks, version } from "./reached.js";

const AUTH = "me:secret";
/** curl's own number for "the proxy refused". */
const CURLE_PROXY = 97;

/**
 * @param {(pairs: Record<string, unknown>) => void} fact gets what was seen
 * @param {{ uploadBytes?: number, parallel?: number }} [size]
 */
export async function curlThroughSocks(fact, { uploadBytes = 32 << 20, parallel = 50 } = {}) {
  const [site, sink] = await Promise.all([website(), startSink()]);
  const closed = await startSink();
  closed.stop();
  const allowed = [`localhost:${site.port}`, `127.0.0.1:${site.port}`, `[::1]:${sink.port}`, `127.0.0.1:${closed.port}`];
  const gateway = await startGateway({ args: allowed.flatMap((to) => ["--allow", `tcp://${to}`]) });
  const socks = await startSocks(gateway, { auth: AUTH });
  try {
    const bin = process.env.PAGEPORT_BIN ?? "";
    fact({
      curl: await version(run, "curl", ["--version"]),
      server: await version(run, "python3", ["--version"]),
      pageport: await version(run, bin, ["--version"]),
    });
    const through = (/** @type {string} */ auth, /** @type {string[]} */ args, /** @type {Buffer | undefined} */ input) =>
      run("curl", ["-q", "-sS", "--noproxy", "", "--proxy", `socks5h://${auth}${socks.address}`, ...args], { input });
    const curl = (/** @type {string[]} */ ...args) => through(`${AUTH}@`, args);

    for (const [as, host] of [["a name", "localhost"], ["IPv4", "127.0.0.1"]]) {
      const got = await curl("--fail", `http://${host}:${site.port}/file.bin`);
      demand(got.code === 0 && got.out.equals(site.file), `${as}: the file as it is: ${got.err}`);
      fact({ program: "curl", asks_for: as, bytes: got.out.length, sha256: sha256(got.out).slice(0, 16), equal: true });
    }
    const body = randomBytes(uploadBytes);
    const sent = await through(`${AUTH}@`, ["-X", "PUT", "--data-binary", "@-", `http://[::1]:${sink.port}/`], body);
    demand(sent.out.toString() === sha256(body), `IPv6: the upload arrives: ${sent.err}`);
    fact({ program: "curl", asks_for: "IPv6", uploaded: body.length, sha256: sha256(body).slice(0, 16), equal: true });
    const many = await curl(
      ...["--fail", "--parallel", "--parallel-immediate", "--parallel-max", String(parallel)],
      `http://localhost:${site.port}/sub/?[1-${parallel}]`,
    );
    demand(many.out.toString() === "<p>in a directory".repeat(parallel), `many at once: ${many.err}`);
    const seen = await reached(gateway);
    demand(seen.made >= parallel + 3 && seen.bytes > 2 * site.file.length + uploadBytes, `the gateway made these connections: ${JSON.stringify(seen)}`);
    fact({ program: "curl", parallel, connections_by_gateway: seen.made, bytes_by_gateway: seen.bytes });

    for (const [why, auth, url, reply] of /** @type {[string, string, string, string][]} */ ([
      ["forbidden", `${AUTH}@`, "http://192.0.2.1/", "(2)"],
      ["nobody listens", `${AUTH}@`, `http://127.0.0.1:${closed.port}/`, "(5)"],
      ["wrong password", "me:wrong@", `http://localhost:${site.port}/`, "rejected"],
      ["no password", "", `http://localhost:${site.port}/`, "uthentication"],
    ])) {
      const refused = await through(auth, [url]);
      demand(refused.code === CURLE_PROXY && refused.err.includes(reply), `${why}: ${refused.code} ${refused.err}`);
      fact({ control: why, exit_code: refused.code, curl_says: refused.err.trim() });
    }
    socks.kill("SIGTERM");
    demand((await socks.exited) === 0, "the SOCKS server ends in order");
  } finally {
    socks.kill();
    site.stop();
    sink.stop();
    await gateway.stop();
  }
}

/** Answers with the hash of what it was sent. */
async function startSink() {
  const server = createServer((request, response) => {
    const hash = createHash("sha256");
    request.on("data", (chunk) => hash.update(chunk)).on("end", () => response.end(hash.digest("hex")));
  });
  await new Promise((resolve) => server.listen(0, "::1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { port, stop: () => (server.close(), server.closeAllConnections()) };
}
