// The connection between expose and its gateway is cut at random bytes while real programs move files through it, and a control: one
// damaged byte must be noticed.

import { randomBytes } from "node:crypto";
import { startCutRelay } from "../browser/cut-relay.js";
import { fact } from "./facts.mjs";
import { demand, expose, run } from "./programs.mjs";

const CUTS = 50;
const bin = process.env.PAGEPORT_BIN ?? "";

/** Cuts after a few bytes up to some hundred thousand, in either direction, by RST and by FIN. @param {{ gateway: any, ssh: any, database: any }} real */
export async function cuts({ gateway, ssh, database }) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = generator(seed);
  const relay = await startCutRelay(process.env.CUT_RELAY ?? "", gateway.port);
  // The relay's port has no token file: the gateway's own token comes by the environment.
  const env = { PAGEPORT_TOKEN: gateway.token };
  const at = ["--gateway", relay.url];
  const [shell, named, sql] = await Promise.all([
    expose([String(ssh.port), "--tcp", ...at], env),
    expose([String(ssh.port), "--websocket", ...at], env),
    expose([String(database.port), "--tcp", ...at], env),
  ]);

  let going = true;
  const counts = { ssh: 0, proxy: 0, psql: 0, bytes: 0 };
  const login = (/** @type {string[]} */ way) => [...ssh.flags, "-l", ssh.login, ...way];
  const echo = async (/** @type {"ssh" | "proxy"} */ name, /** @type {string[]} */ way) => {
    while (going) {
      const input = randomBytes(4 << 20);
      const back = await run("ssh", [...login(way), "cat"], { input });
      demand(!back.late, `${name}: nothing hangs`);
      demand(back.code === 0 && back.out.equals(input), `${name}: the same bytes come back: ${back.code} ${back.err}`);
      counts[name] += 1;
      counts.bytes += 2 * input.length;
    }
  };
  const tables = async () => {
    const psql = ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", "localhost", "-p", String(sql.listening.port), "-U", "proof", "-d", "postgres"];
    while (going) {
      const rows = Array.from({ length: 40_000 }, (_, i) => `${i}\t${randomBytes(24).toString("hex")}\n`).join("");
      const name = `t${counts.psql}`;
      const made = await run("psql", [...psql, "-c", `create table ${name} (i int, text text)`]);
      const copied = await run("psql", [...psql, "-c", `copy ${name} from stdin`], { input: Buffer.from(rows) });
      const back = await run("psql", [...psql, "-c", `copy ${name} to stdout`]);
      demand(![made, copied, back].some(({ late }) => late), "psql: nothing hangs");
      demand(made.code === 0 && copied.code === 0 && back.out.toString() === rows, `psql: the same rows come back: ${made.err}${copied.err}${back.err}`);
      await run("psql", [...psql, "-c", `drop table ${name}`]);
      counts.psql += 1;
      counts.bytes += 2 * rows.length;
    }
  };
  const moving = Promise.all([
    echo("ssh", ["-p", String(shell.listening.port), "localhost"]),
    echo("proxy", ["-o", `ProxyCommand=${bin} connect ${named.url}/`, "anywhere"]),
    tables(),
  ]);
  // What goes wrong ends the cutting, too.
  const cutting = (async () => {
    for (let made = 0; made < CUTS && going; made += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20 + random(150)));
      const before = relay.cuts();
      relay.say(`cut-after ${random(2) ? "up" : "down"} ${random(200_000)} ${random(2) ? "fin" : "reset"}`);
      await Promise.race([relay.cutSince(before), moving]);
    }
    going = false;
  })();
  try {
    await Promise.all([moving.finally(() => (going = false)), cutting]);
  } finally {
    going = false;
  }
  const events = [shell, named, sql].flatMap(({ events }) => events);
  const kinds = (/** @type {string} */ kind) => events.filter(({ event }) => event === kind).length;
  // ssh ends its ProxyCommand by a signal, so that this one alone says no goodbye.
  const broken = events.filter(({ error, what }) => error && what === "tcp");
  fact({
    seed,
    cuts: relay.cuts(),
    noticed: kinds("away"),
    resumed: kinds("listening") - 3,
    sessions_lost: kinds("lost"),
    ssh_transfers: counts.ssh,
    proxy_command_transfers: counts.proxy,
    psql_transfers: counts.psql,
    bytes_checked: counts.bytes,
    broken_connections: broken.length,
  });
  demand(relay.cuts() >= CUTS && kinds("away") >= CUTS, "each cut was one for expose");
  demand(kinds("lost") === 0 && broken.length === 0, `no session and no connection was lost: ${JSON.stringify(broken[0])}`);
  demand(Math.min(counts.ssh, counts.proxy, counts.psql) > 0, "every program moved something");
  for (const exposed of [shell, named, sql]) exposed.kill("SIGTERM");
  relay.stop();
  await control(gateway, database, env);
}

/** One flipped byte between expose and gateway: the rows differ, or the program fails. @param {any} gateway @param {any} database @param {Record<string, string>} env */
async function control(gateway, database, env) {
  const relay = await startCutRelay(process.env.CUT_RELAY ?? "", gateway.port);
  const exposed = await expose([String(database.port), "--tcp", "--gateway", relay.url], env);
  const psql = ["-X", "-q", "-At", "-h", "localhost", "-p", String(exposed.listening.port), "-U", "proof", "-d", "postgres"];
  relay.say("flip up 400000");
  const text = "select repeat('x', 1000000)";
  const { code, out } = await run("psql", [...psql, "-c", text], { within: 60_000 });
  const equal = code === 0 && out.toString() === `${"x".repeat(1_000_000)}\n`;
  fact({ control: "one flipped byte", exit_code: code, rows_equal: equal });
  demand(!equal, "the check can fail");
  exposed.kill("SIGKILL");
  relay.stop();
}

/** Numbers below a bound that a printed seed repeats (mulberry32). @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return (/** @type {number} */ below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
