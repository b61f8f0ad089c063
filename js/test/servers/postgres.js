// PostgreSQL with a new, empty cluster: a user with a password (SCRAM-SHA-256), TLS for those who ask for it.

import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { freePort, launch, version, workDirectory } from "../proxies/daemon.js";
import { certified } from "./certificate.js";

/** It refuses root; its package brings a user. */
const isRoot = userInfo().uid === 0;
const as = isRoot ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] : [];

/** @param {{ certificate?: ReturnType<typeof certified> }} [options] */
export async function startPostgres({ certificate = certified() } = {}) {
  const [dir, port] = [workDirectory("postgres"), await freePort()];
  const release = readdirSync("/usr/lib/postgresql").find((name) => existsSync(`/usr/lib/postgresql/${name}/bin/initdb`));
  const bin = `/usr/lib/postgresql/${release}/bin`;
  const [user, password] = ["reader", "correct-horse"];
  const [certFile, keyFile, passwordFile] = ["cert.pem", "key.pem", "password"].map((name) => join(dir, name));
  for (const [file, text] of /** @type {[string, Buffer | string][]} */ ([[certFile, certificate.cert], [keyFile, certificate.key], [passwordFile, password]])) {
    writeFileSync(file, text);
    if (isRoot) chownSync(file, owner("-u"), owner("-g"));
    chmodSync(file, 0o600);
  }
  const data = join(dir, "data");
  run([...as, `${bin}/initdb`, "-D", data, "-A", "scram-sha-256", "-U", user, `--pwfile=${passwordFile}`, "-E", "UTF8", "--no-sync"]);
  const settings = { port, listen_addresses: "127.0.0.1", unix_socket_directories: dir, fsync: "off", ssl: "on", ssl_cert_file: certFile, ssl_key_file: keyFile };
  const [command, ...args] = [...as, `${bin}/postgres`, "-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const daemon = await launch(command, args, { port, says: /ready to accept connections/ });
  const env = { ...process.env, PGPASSWORD: password };
  return {
    name: "postgresql",
    version: version(`postgresql-${release}`),
    host: "localhost",
    port,
    user,
    password,
    fingerprint: certificate.fingerprint,
    /** What its own client gets for a query: a line for each row, with `|` between the columns. @param {string} query */
    psql: (query) => run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", `${port}`, "-U", user, "-d", "postgres", "-c", query], env),
    stop: daemon.stop,
  };
}

/** @param {string} flag */
const owner = (flag) => Number(run(["id", flag, "postgres"]));

/** @param {string[]} words @param {NodeJS.ProcessEnv} [env] */
function run([command, ...args], env = process.env) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${command}: ${stdout}${stderr}`);
  return stdout;
}
