// What the tests share: the real service on a Postgres of its own, the system's Chromium, and a page that is watched.
//
// Everything a page does that a reader should not see fails its test: an error on the console (what the policy refuses
// is one), an exception, a request to another host.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { chromium } from "playwright-core";

const run = promisify(execFile);
const BINARY = process.env.LECTERN_BINARY ?? new URL("../../target/debug/lectern", import.meta.url).pathname;
/** Where pictures are left to be looked at. */
export const PICTURES = process.env.LECTERN_PICTURES ?? new URL("../../target/browser/", import.meta.url).pathname;

// Settings of whoever runs the tests are not the tests'.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(LECTERN_|DATABASE_|RUST_LOG$)/.test(name)),
);

/** A running `lectern serve` with the bundled library, in a folder of its own. */
export class Service {
  /** Starts one; `drafts` are article files that are there before, so that the bundled library stays out. */
  static async start({ drafts = {} } = {}) {
    const service = new Service();
    // Not under target: as root, the database runs as a user who may not be able to go there.
    service.folder = await mkdtemp(join(tmpdir(), "lectern-browser."));
    await chmod(service.folder, 0o755);
    if (Object.keys(drafts).length) await service.import(drafts, []);
    service.log = [];
    service.child = spawn(BINARY, ["serve", "--listen", "127.0.0.1:0", ...service.data], {
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    service.ended = new Promise((resolve) => service.child.once("close", (code, signal) => resolve(signal ?? code)));
    // An end of the tests that nobody planned must not leave it running.
    service.last = () => service.child.kill("SIGTERM");
    process.once("exit", service.last);
    service.origin = await new Promise((resolve, reject) => {
      createInterface({ input: service.child.stderr }).on("line", (line) => {
        service.log.push(line);
        const address = /listening on (http:\/\/\S+?)\/?(\s|$)/.exec(line);
        if (address) resolve(address[1]);
      });
      service.ended.then((code) => reject(new Error(`the service ended with ${code}:\n${service.log.join("\n")}`)));
    });
    const scopes = "read_drafts,write,publish,admin";
    const made = await service.command("keys", "create", "--name", "browser", "--scope", scopes);
    service.key = made.trim();
    return service;
  }

  get data() {
    return ["--data-dir", join(this.folder, "data")];
  }

  /** What a command of the binary prints. */
  async command(...words) {
    return (await run(BINARY, [...words, ...this.data], { env: environment, maxBuffer: 1 << 26 })).stdout;
  }

  /** Imports article files, `{slug: text}`. */
  async import(files, words = ["--publish"]) {
    const folder = join(this.folder, "import");
    await mkdir(folder);
    await Promise.all(Object.entries(files).map(([slug, text]) => writeFile(join(folder, `${slug}.md`), text)));
    await this.command("import", folder, ...words);
    await rm(folder, { recursive: true });
  }

  /** Changes something through `/manage/v1`; the answer, which must be a success. */
  async manage(method, path, body, headers = {}) {
    const isText = typeof body === "string";
    const type = isText ? "text/markdown" : "application/json";
    const answer = await fetch(`${this.origin}/manage/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body && { "content-type": type }), ...headers },
      body: body && (isText ? body : JSON.stringify(body)),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
    return answer;
  }

  /** Writes an article file over what is there, and publishes it. */
  async publish(slug, text) {
    const before = await fetch(`${this.origin}/manage/v1/articles/${slug}`, {
      headers: { authorization: `Bearer ${this.key}` },
    });
    const condition = before.ok ? { "if-match": before.headers.get("etag") } : {};
    await this.manage("PUT", `/articles/${slug}`, text, condition);
    await this.manage("POST", `/articles/${slug}/publish`, {});
  }

  async #signalDatabase(signal) {
    const files = await readdir(join(this.folder, "data"), { recursive: true });
    const file = files.find((name) => name.endsWith("postmaster.pid"));
    const main = Number((await readFile(join(this.folder, "data", file), "utf8")).split("\n")[0]);
    const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid="]);
    const processes = stdout.trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number));
    const workers = processes.filter(([, parent]) => parent === main).map(([id]) => id);
    for (const id of [main, ...workers]) process.kill(id, signal);
  }

  /** Runs `work` while the database answers nothing. */
  async withoutDatabase(work) {
    await this.#signalDatabase("SIGSTOP");
    try {
      await work();
    } finally {
      await this.#signalDatabase("SIGCONT");
    }
  }

  /** Ends it as a machine would; it must end well. */
  async stop() {
    process.off("exit", this.last);
    this.child.kill("SIGTERM");
    const code = await this.ended;
    await rm(this.folder, { recursive: true, force: true });
    assert.equal(code, 0, `the service ended with ${code}:\n${this.log.slice(-30).join("\n")}`);
  }
}

/** The service that nearly all tests read. */
export const service = await Service.start();

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Nothing but the service can be reached, by the browser itself neither.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // Root has no sandbox.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ],
});

after(async () => {
  await browser.close();
  await service.stop();
});

export const PHONE = { width: 375, height: 812 };
export const DESK = { width: 1280, height: 800 };
/** The smallest screen that has to work. */
export const SMALL = { width: 320, height: 640 };

/**
 * A test with a page of its own. `work` gets the page, `go(path)`, which goes there and gives the status, and the
 * context. `expected` are patterns of errors on the console that belong to the test; other options are Playwright's.
 */
export function browse(name, options, work) {
  const { expected = [], at = service, timeout = 60_000, ...rest } = options;
  test(name, { timeout }, async () => {
    const host = typeof at === "function" ? await at() : at;
    const context = await browser.newContext({
      baseURL: host.origin,
      locale: "zh-CN",
      viewport: DESK,
      ...rest,
    });
    context.setDefaultTimeout(5_000);
    const faults = [];
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== host.origin) faults.push(`a request to ${request.url()}`);
    });
    context.on("console", (message) => {
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() === "error" && !expected.some((pattern) => pattern.test(text))) faults.push(text);
    });
    context.on("weberror", (error) => faults.push(`exception: ${error.error().stack}`));
    try {
      const page = await context.newPage();
      // A move within a page has no answer.
      const go = async (path) => (await page.goto(path))?.status();
      await work(page, go, context);
      assert.deepEqual(faults, [], "the page does what no reader should see");
    } catch (error) {
      if (faults.length) error.message += `\nand the page: ${faults.join("\n")}`;
      throw error;
    } finally {
      await context.close();
    }
  });
}

/** Whether a reader sees this element: it has a size and is not hidden in any way. */
export const isSeen = (locator) =>
  locator.evaluate((node) => {
    const { width, height } = node.getBoundingClientRect();
    return width > 1 && height > 1 && node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  });

/** Whether this element's beginning is on the screen with nothing over it. */
export const isInView = (locator) =>
  locator.evaluate((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const [box] = range.getClientRects().length ? range.getClientRects() : node.getClientRects();
    const [x, y] = [box.left + Math.min(box.width / 2, 8), box.top + box.height / 2];
    return node.contains(document.elementFromPoint(x, y));
  });

/** Waits until `probe` gives something true; `what` is told where it does not. */
export async function until(what, probe, milliseconds = 5_000) {
  const end = Date.now() + milliseconds;
  let last;
  while (!(last = await probe())) {
    assert.ok(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return last;
}
