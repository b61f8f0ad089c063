// A certificate for a test's servers at `localhost`. It vouches for itself, so it is its own authority.

import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Good for two days; its files go with the process. @param {string} [host] */
export function certified(host = "localhost") {
  const place = mkdtempSync(join(tmpdir(), "pageport-tls-"));
  process.once("exit", () => rmSync(place, { recursive: true, force: true }));
  const [certFile, keyFile] = ["cert.pem", "key.pem"].map((name) => join(place, name));
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", keyFile, "-out", certFile];
  const names = ["-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`, "-addext", "basicConstraints=critical,CA:FALSE"];
  execFileSync("openssl", ["req", "-x509", ...made, ...names], { stdio: "ignore" });
  const cert = readFileSync(certFile);
  const fingerprint = new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
  return { certFile, keyFile, cert, key: readFileSync(keyFile), fingerprint };
}
