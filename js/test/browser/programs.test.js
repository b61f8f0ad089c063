// Programs that know nothing of Pageport reach servers through the gateway: curl by SOCKS, OpenSSH by its ProxyCommand.

import { test } from "node:test";
import { curlThroughSocks } from "../programs/curl-socks.js";
import { sshThroughConnect } from "../programs/ssh-connect.js";

const nothing = () => {};

test("curl downloads, uploads and is refused through the SOCKS server as through any", () =>
  curlThroughSocks(nothing, { uploadBytes: 2 << 20, parallel: 20 }));

test("OpenSSH gets to a server that the gateway allows, and nowhere else", () => sshThroughConnect(nothing, { bytes: 1 << 20 }));
