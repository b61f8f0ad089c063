// noVNC by /websockify, from files and targets of the gateway's own.

import { novncUnchanged } from "../programs/novnc.js";
import { fact } from "./facts.mjs";

await novncUnchanged(fact);
process.exit(0);
