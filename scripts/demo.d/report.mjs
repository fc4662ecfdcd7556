// What the demo says: a story while it runs, a table at its end, or JSON for machines.

/** Collects figures; `json` sends the story to standard error and leaves standard output to the figures. */
export class Report {
  constructor(json) {
    this.json = json;
    this.figures = {};
    this.rows = [];
    this.started = performance.now();
  }

  /** One line of the story. */
  say(line) {
    const seconds = ((performance.now() - this.started) / 1000).toFixed(1).padStart(6);
    (this.json ? process.stderr : process.stdout).write(`${seconds} s  ${line}\n`);
  }

  /** Heading of the next act. */
  act(title) {
    this.say("");
    this.say(`— ${title}`);
  }

  /** Keeps a figure for the table and the JSON: `key` ends in its unit, `words` is what a reader sees. */
  figure(key, value, words, shown = String(value)) {
    this.figures[key] = value;
    this.rows.push([words, shown]);
  }

  /** Progress over one line of a terminal; every tenth call elsewhere. */
  progress(done, total, words) {
    if (process.stderr.isTTY) process.stderr.write(`\r          ${words}: ${done}/${total} ${done === total ? "\n" : ""}`);
    else if (done === total || done % (10 * Math.max(1, Math.round(total / 100))) === 0) this.say(`${words}: ${done}/${total}`);
  }

  /** The table, or the JSON. */
  end() {
    if (this.json) return process.stdout.write(JSON.stringify(this.figures) + "\n");
    const width = Math.max(...this.rows.map(([words]) => words.length));
    this.say("");
    for (const [words, shown] of this.rows) this.say(`${words.padEnd(width)}  ${shown}`);
  }
}

/** Runs `work` and returns `[result, seconds]`. */
export async function timed(work) {
  const start = performance.now();
  const result = await work();
  return [result, (performance.now() - start) / 1000];
}

/** `12.3 s` */
export const seconds = (value) => `${value.toFixed(1)} s`;
/** `1,234,567` */
export const grouped = (value) => Number(value).toLocaleString("en-US");
