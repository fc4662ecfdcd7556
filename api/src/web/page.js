// The page: ask, watch, show, send. Speaks to the node over HTTP; ethers v6 sends the proof.

const byId = (id) => document.getElementById(id);
const WORDS = {
  queued: "waiting",
  evidence: "collecting headers and state proofs",
  proving_history: "proving the history",
  proving_score: "proving the score",
  proven: "proven, verified natively and in an EVM",
  submitted: "proven and accepted by the contract",
  failed: "failed",
};
let answer;

async function request(path, body) {
  const options = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  const json = await response.json();
  if (!response.ok) throw new Error(`${json.title}: ${json.detail}`);
  return json;
}

function fail(error) {
  byId("problem").textContent = error?.shortMessage ?? error?.message ?? String(error ?? "");
}

async function start() {
  const status = await request("/v1/status");
  const { chain_id: chain, tip, finalized } = status.index;
  byId("status").textContent = `Chain ${chain}, indexed to block ${tip}, final to ${finalized ?? "none"}.`;
  for (const model of await request("/v1/models")) {
    byId("model").append(new Option(`${model.name} (${model.model_id.slice(0, 10)}…)`, model.model_id));
  }
}

async function ask(event) {
  event.preventDefault();
  fail("");
  byId("result").hidden = byId("proven").hidden = true;
  const question = { model: byId("model").value, subject: byId("subject").value };
  if (byId("as-of").value) question.as_of = Number(byId("as-of").value);
  const query = await request("/v1/queries", question);
  byId("result").hidden = false;
  await watch(query.id);
}

function watch(id) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`/v1/queries/${id}/events`);
    source.addEventListener("progress", (event) => {
      const { stage, done, error } = JSON.parse(event.data);
      byId("bar").value = done;
      byId("stage").textContent = WORDS[stage] + (error ? `: ${error}` : "");
      if (!["proven", "submitted", "failed"].includes(stage)) return;
      source.close();
      if (stage === "failed") resolve();
      else show(id).then(resolve, reject);
    });
    source.onerror = () => source.readyState === EventSource.CLOSED && reject(new Error("the node went away"));
  });
}

function row(name, value) {
  const line = byId("facts").insertRow();
  line.insertCell().textContent = name;
  line.insertCell().textContent = value;
}

async function show(id) {
  answer = await request(`/v1/queries/${id}/proof`);
  byId("score").textContent = answer.score.toFixed(5);
  byId("facts").replaceChildren();
  row("subject", answer.query.subject);
  row("as of block", answer.query.as_of);
  row("root", answer.histories.map((h) => h.root + (h.posted ? " (posted)" : "")).join(" "));
  row("history proof", answer.reused_root ? "none needed: the root was proven before" : `${bytes(answer.histories[0].proof)} bytes`);
  row("score proof", `${bytes(answer.proof)} bytes`);
  for (const anchor of answer.histories[0].anchors) row(`block ${anchor.number}`, anchor.hash);
  byId("send-wallet").disabled = byId("send-rpc").disabled = !answer.calldata.multicall;
  byId("proven").hidden = false;
}

const bytes = (hex) => (hex.length - 2) / 2;

async function send(makeProvider) {
  const ethers = await import("/ethers.js");
  const provider = makeProvider(ethers);
  const signer = await provider.getSigner();
  const transaction = await signer.sendTransaction(answer.calldata.multicall);
  byId("sent").textContent = `sent ${transaction.hash}`;
  const receipt = await transaction.wait();
  byId("sent").textContent = `accepted in block ${receipt.blockNumber}, ${receipt.gasUsed} gas`;
}

byId("ask").addEventListener("submit", (event) => ask(event).catch(fail));
byId("send-wallet").addEventListener("click", () => {
  if (!window.ethereum) return fail("no wallet in this browser");
  send((ethers) => new ethers.BrowserProvider(window.ethereum)).catch(fail);
});
byId("send-rpc").addEventListener("click", () => {
  send((ethers) => new ethers.JsonRpcProvider(byId("rpc").value)).catch(fail);
});
start().catch(fail);
