// websockify's own Python client through /tcp and /websockify.

import { websockifyClient } from "../programs/websockify.js";
import { fact } from "./facts.mjs";

await websockifyClient(fact);
