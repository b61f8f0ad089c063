// OpenSSH through `pageport connect`, as its ProxyCommand and by SOCKS.

import { sshThroughConnect } from "../programs/ssh-connect.js";
import { fact } from "./facts.mjs";

await sshThroughConnect(fact);
