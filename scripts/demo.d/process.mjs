// Starting and ending the programs of the demo.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { openSync } from "node:fs";

/** A free TCP port of this machine. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Runs to the end; resolves with standard output. Standard error goes to ours. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
    const chunks = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`${command} ${args[0]}: expected exit code 0, got ${code}`));
    });
  });
}

/** A program that runs beside the demo; its output goes to `log`. */
export class Background {
  constructor(name, command, args, { log, ...options }) {
    const out = openSync(log, "a");
    Object.assign(this, { name, log });
    this.child = spawn(command, args, { stdio: ["ignore", out, out], ...options });
    this.exit = new Promise((resolve) => this.child.once("close", (code, signal) => resolve(code ?? signal)));
    this.exit.then((code) => (this.code = code));
    this.child.once("error", (error) => (this.code = error.message));
  }

  /** Waits until `probe` answers, at most `seconds`; fails at once if the program ends first. */
  async ready(probe, seconds = 60) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      if (this.code !== undefined) throw new Error(`${this.name} ended (${this.code}) before it was ready: see ${this.log}`);
      try {
        return await probe();
      } catch (error) {
        if (Date.now() > end) throw new Error(`${this.name} not ready after ${seconds} s: ${error.message}; see ${this.log}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Asks it to end (anvil cleans up on SIGINT only); kills it after ten seconds. */
  async stop(signal = "SIGINT") {
    if (this.code !== undefined) return;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await this.exit;
    clearTimeout(late);
  }
}
