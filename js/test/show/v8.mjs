// Real programs behind `pageport expose` and `pageport connect`: python3 -m http.server, OpenSSH and PostgreSQL, first undisturbed, then
// with the connection between expose and gateway cut at random bytes, then with the gateway killed.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { startGateway } from "../browser/gateway.js";
import { fact } from "./facts.mjs";
import { startSshd } from "../servers/sshd.js";
import { demand, expose, postgres, run, sha256, website } from "./programs.mjs";
import { cuts } from "./v8-cuts.mjs";
import { restart } from "./v8-restart.mjs";

const bin = process.env.PAGEPORT_BIN ?? "";

const [gateway, site, ssh, database] = await Promise.all([startGateway(), website(), startSshd(), postgres()]);
let failed = false;
try {
  await versions();
  const at = ["--gateway", gateway.url];
  await web(await expose([String(site.port), ...at]));
  await shell(await expose([String(ssh.port), "--tcp", ...at]), await expose([String(ssh.port), "--websocket", ...at]));
  await sql(await expose([String(database.port), "--tcp", ...at]));
  await cuts({ gateway: { ...gateway, token: token() }, ssh, database });
  await restart({ database });
} catch (error) {
  failed = true;
  console.log(error);
} finally {
  site.stop();
  ssh.stop();
  database.stop();
  await gateway.stop();
}
process.exit(failed ? 1 : 0);

/** What `dev` has left for programs of this user. */
function token() {
  const runtime = process.env.XDG_RUNTIME_DIR;
  const directory = runtime ? `${runtime}/pageport` : `/tmp/pageport-${process.getuid?.()}`;
  return readFileSync(`${directory}/dev-${gateway.port}.token`, "utf8").trim();
}

async function versions() {
  const said = async (/** @type {string} */ command, /** @type {string[]} */ args) => {
    const { out, err } = await run(command, args);
    return (out.toString() + err).split("\n")[0].trim();
  };
  fact({
    python: await said("python3", ["--version"]),
    ssh: await said("ssh", ["-V"]),
    psql: await said("psql", ["--version"]),
    curl: await said("curl", ["--version"]),
  });
}

/** @param {Awaited<ReturnType<typeof expose>>} exposed */
async function web(exposed) {
  const curl = (/** @type {string[]} */ ...args) => run("curl", ["-sS", "--fail", ...args]);
  const list = await curl(`${exposed.url}/`);
  demand(list.code === 0 && list.out.includes("file.bin"), `a listing: ${list.err}`);
  const file = await curl(`${exposed.url}/file.bin`);
  demand(file.out.equals(site.file), "the file as it is");
  const moved = await curl("-L", "-w", "%{num_redirects} %{http_code}", `${exposed.url}/sub`);
  demand(moved.out.toString().endsWith("1 200"), `a redirect: ${moved.out}`);
  const missing = await run("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", `${exposed.url}/none`]);
  const posted = await run("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", `${exposed.url}/`]);
  demand(`${missing.out} ${posted.out}` === "404 501", `the service's own answers: ${missing.out} ${posted.out}`);
  const many = await curl("--parallel", "--parallel-immediate", "--parallel-max", "50", `${exposed.url}/sub/?[1-50]`);
  demand(many.out.toString() === "<p>in a directory".repeat(50), `fifty at once: ${many.err}`);
  fact({
    program: "python3 -m http.server",
    url: exposed.url,
    file_bytes: file.out.length,
    sha256: sha256(file.out).slice(0, 16),
    equal: true,
    redirects_followed: 1,
    own_statuses: "404,501",
    parallel: 50,
  });

  site.stop();
  const down = await run("curl", ["-sS", "-D", "-", "-o", "/dev/null", `${exposed.url}/`]);
  const [status, code] = [/ (\d{3}) /.exec(down.out.toString())?.[1], /pageport-error: (\S+)/.exec(down.out.toString())?.[1]];
  demand(status === "502" && code === "ERR_TARGET_UNREACHABLE", `the program is stopped: ${down.out}`);
  fact({ control: "the program is stopped", status, code });
  exposed.kill("SIGTERM");
  demand((await exposed.exited) === 0, "expose ends in order");
}

/**
 * @param {Awaited<ReturnType<typeof expose>>} byPort
 * @param {Awaited<ReturnType<typeof expose>>} byName
 */
async function shell(byPort, byName) {
  const input = randomBytes(16 << 20);
  const proxy = (/** @type {string} */ url) => ["-o", `ProxyCommand=${bin} connect ${url}`, "anywhere"];
  const byNameUrl = byName.url;
  for (const [way, flags] of /** @type {[string, string[]][]} */ ([
    ["direct", ["-p", String(byPort.listening.port), "localhost"]],
    ["ProxyCommand tcp://", proxy(byPort.url)],
    ["ProxyCommand ws://", proxy(`${byNameUrl}/`)],
  ])) {
    const there = (/** @type {string[]} */ ...words) => run("ssh", [...ssh.flags, "-l", ssh.login, ...flags, ...words], { input });
    // `cat` answers while it is still sent to, `sha256sum` only after the end of what is sent.
    const back = await there("cat");
    demand(back.code === 0 && back.out.equals(input), `${way}: the same bytes come back: ${back.code} ${back.err}`);
    const hashed = await there("sha256sum; exit 7");
    demand(hashed.code === 7 && hashed.out.toString().startsWith(sha256(input)), `${way}: half-close and exit code: ${hashed.err}`);
    fact({ program: "ssh", way, bytes_each_way: input.length, equal: true, exit_code_passed: hashed.code, ms: back.ms });
  }
  // A password is not asked for, and a wrong key is refused by the real server.
  const stranger = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  const refused = await run("ssh", [...stranger, "-p", String(byPort.listening.port), `${ssh.login}@localhost`, "true"]);
  demand(refused.code === 255 && refused.err.includes("Permission denied"), `without the key: ${refused.err}`);
  fact({ control: "ssh without the key", exit_code: refused.code, said: "Permission denied" });
  byPort.kill("SIGTERM");
  byName.kill("SIGTERM");
}

/** @param {Awaited<ReturnType<typeof expose>>} exposed */
async function sql(exposed) {
  const psql = (/** @type {string} */ command, /** @type {Buffer | undefined} */ input) =>
    run("psql", ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", "localhost", "-p", String(exposed.listening.port), "-U", "proof", "-d", "postgres", "-c", command], { input });
  const rows = Array.from({ length: 200_000 }, (_, i) => `${i}\t${randomBytes(24).toString("hex")}\n`).join("");
  const made = await psql("create table t (i int primary key, text text)");
  const copied = await psql("copy t from stdin", Buffer.from(rows));
  const back = await psql("copy (select * from t order by i) to stdout");
  const sum = await psql("select count(*), sum(length(text)) from t");
  demand(made.code === 0 && copied.code === 0, `psql: ${made.err}${copied.err}`);
  demand(back.out.toString() === rows && sum.out.toString() === "200000|9600000\n", `the same rows come back: ${back.err}`);
  const wrong = await psql("select 1/0");
  demand(wrong.code === 1 && wrong.err.includes("division by zero"), "an error is the database's own");
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => psql(`select ${i}, pg_sleep(0.2)`)));
  demand(many.every(({ code }) => code === 0), "twenty connections at once");
  fact({ program: "psql", rows: 200_000, bytes: rows.length, sha256: sha256(rows).slice(0, 16), equal: true, parallel: 20 });
  fact({ control: "select 1/0", exit_code: wrong.code });
  await psql("drop table t");
  exposed.kill("SIGTERM");
}
