// curl through the SOCKS server of `pageport connect`.

import { curlThroughSocks } from "../programs/curl-socks.js";
import { fact } from "./facts.mjs";

await curlThroughSocks(fact);
