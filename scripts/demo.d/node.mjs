// The Vouch node of the demo: started as a user would, spoken to over HTTP only.

import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { Background, freePort } from "./process.mjs";

/** A failed request, with the problem document (RFC 9457) that the node answered. */
export class NodeError extends Error {
  constructor(method, path, status, problem) {
    super(`${method} ${path}: ${status} ${problem.title ?? ""}: ${problem.detail ?? JSON.stringify(problem)}`);
    Object.assign(this, { status, problem });
  }
}

/** The node's HTTP interface. */
export class Client {
  constructor(url) {
    this.url = url;
  }

  async request(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: body && { "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new NodeError(method, path, response.status, answer);
    return answer;
  }

  get(path) {
    return this.request("GET", path);
  }

  post(path, body) {
    return this.request("POST", path, body);
  }

  /** Server-sent events of a query, as they come: `{ event, data }`. Ends when the node closes the stream. */
  async *events(path) {
    const response = await fetch(this.url + path, { headers: { accept: "text/event-stream" } });
    if (!response.ok) throw new NodeError("GET", path, response.status, await response.json());
    let rest = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const fields = part.split("\n").map((line) => line.split(/: ?(.*)/s).slice(0, 2));
        const field = (name) => fields.filter(([key]) => key === name).map(([, value]) => value).join("\n");
        if (field("data")) yield { event: field("event") || "message", data: JSON.parse(field("data")) };
      }
    }
  }

  /** Waits until the node has indexed `block`. */
  async indexed(block, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const { index } = await this.get("/v1/status");
      if (index.tip >= block) return;
      if (Date.now() > end) throw new Error(`node: expected block ${block} to be indexed within ${seconds} s, got to ${index.tip}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Waits for a query to end, telling `onProgress` each event; returns the query as it then stands. */
  async finish(id, onProgress = () => {}) {
    for await (const { data } of this.events(`/v1/queries/${id}/events`)) onProgress(data);
    const query = await this.get(`/v1/queries/${id}`);
    if (query.state === "failed") throw new Error(`query ${id} failed: ${query.error}`);
    return query;
  }
}

/** Starts `vouch serve` on the chain at `url`, paying with the account of `key`; a block is final under `finality` others; `more`: further arguments. */
export async function startNode({ binary, keys, directory, url, contracts, key, finality = 0, more = [] }) {
  const port = await freePort();
  const keyFile = join(directory, "signer.key");
  writeFileSync(keyFile, key, { mode: 0o600 });
  const address = (name) => contracts[name].target;
  const args = ["serve", "--rpc", url, "--data", join(directory, "node"), "--keys", keys, "--listen", `127.0.0.1:${port}`,
    "--history-roots", address("roots"), "--registry", address("registry"),
    "--vouch", address("vouch"), "--finality", `${finality}`,
    "--signer-key-file", keyFile, ...more];
  const node = new Background("vouch", binary, args, { log: join(directory, "vouch.log") });
  const client = new Client(`http://127.0.0.1:${port}`);
  await node.ready(() => client.get("/v1/status"), 120);
  return { node, client };
}
