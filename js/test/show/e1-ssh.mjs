// OpenSSH through `pageport connect`.

import { sshThroughConnect } from "../programs/ssh-connect.js";
import { fact } from "./facts.mjs";

await sshThroughConnect(fact);
