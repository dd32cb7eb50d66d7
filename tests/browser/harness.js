// Test harness: the real service on its own Postgres, the system's Chromium, and pages whose errors are recorded.
//
// A test fails if its page logs an error (a violation of the content security policy is one), throws an exception, or
// sends a request to another host.

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
/** Directory for screenshots. */
export const PICTURES = process.env.LECTERN_PICTURES ?? new URL("../../target/browser/", import.meta.url).pathname;

// Without the settings of the caller's environment.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(LECTERN_|DATABASE_|RUST_LOG$)/.test(name)),
);

/** A running `lectern serve` with the bundled library, in its own directory. */
export class Service {
  /** Starts the service. With `drafts` (article files), the bundled library is not imported. */
  static async start({ drafts = {} } = {}) {
    const service = new Service();
    // Not under target: for root, the database runs as an unprivileged user, who may have no access there.
    service.folder = await mkdtemp(join(tmpdir(), "lectern-browser."));
    await chmod(service.folder, 0o755);
    if (Object.keys(drafts).length) await service.import(drafts, []);
    service.log = [];
    service.child = spawn(BINARY, ["serve", "--listen", "127.0.0.1:0", ...service.data], {
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
    });
    service.ended = new Promise((resolve) => service.child.once("close", (code, signal) => resolve(signal ?? code)));
    // Stops the service if the tests are aborted.
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

  /** Runs a command of the binary and returns its output. */
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

  /** Sends a request to `/manage/v1` and returns the response, which must be successful. */
  async manage(method, path, body, headers = {}) {
    const isText = typeof body === "string";
    const type = isText ? "text/markdown" : "application/json";
    const response = await fetch(`${this.origin}/manage/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body && { "content-type": type }), ...headers },
      body: body && (isText ? body : JSON.stringify(body)),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${response.ok ? "" : await response.text()}`);
    return response;
  }

  /** Replaces an article by an article file and publishes it. */
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

  /** Runs `work` while the database is stopped. */
  async withoutDatabase(work) {
    await this.#signalDatabase("SIGSTOP");
    try {
      await work();
    } finally {
      await this.#signalDatabase("SIGCONT");
    }
  }

  /** Stops the service by SIGTERM; the exit code must be 0. */
  async stop() {
    process.off("exit", this.last);
    this.child.kill("SIGTERM");
    const code = await this.ended;
    await rm(this.folder, { recursive: true, force: true });
    assert.equal(code, 0, `the service ended with ${code}:\n${this.log.slice(-30).join("\n")}`);
  }
}

/** The service that nearly all tests share. */
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
    // Neither pages nor the browser itself can reach another host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // Chromium has no sandbox for root.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  ],
});

after(async () => {
  await browser.close();
  await service.stop();
});

export const PHONE = { width: 375, height: 812 };
export const DESK = { width: 1280, height: 800 };
/** The smallest supported screen. */
export const SMALL = { width: 320, height: 640 };

/**
 * Declares a test with its own page. `work` gets the page, `go(path)`, which navigates and returns the status, and the
 * context. `expected` are patterns of console errors that the test causes; other options are Playwright's.
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
    const errors = [];
    context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== host.origin) errors.push(`a request to ${request.url()}`);
    });
    context.on("console", (message) => {
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() === "error" && !expected.some((pattern) => pattern.test(text))) errors.push(text);
    });
    context.on("weberror", (error) => errors.push(`exception: ${error.error().stack}`));
    try {
      const page = await context.newPage();
      // A navigation within a page has no response.
      const go = async (path) => (await page.goto(path))?.status();
      await work(page, go, context);
      assert.deepEqual(errors, [], "the page has errors");
    } catch (error) {
      if (errors.length) error.message += `\nerrors of the page: ${errors.join("\n")}`;
      throw error;
    } finally {
      await context.close();
    }
  });
}

/** Returns whether the element is visible: it has a size and is not hidden in any way. */
export const isSeen = (locator) =>
  locator.evaluate((node) => {
    const { width, height } = node.getBoundingClientRect();
    return width > 1 && height > 1 && node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  });

/** Returns whether the start of the element is on the screen and not covered. */
export const isInView = (locator) =>
  locator.evaluate((node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const [box] = range.getClientRects().length ? range.getClientRects() : node.getClientRects();
    const [x, y] = [box.left + Math.min(box.width / 2, 8), box.top + box.height / 2];
    return node.contains(document.elementFromPoint(x, y));
  });

/** Waits until `probe` returns a true value, and returns it; `what` names the condition in the error. */
export async function until(what, probe, milliseconds = 5_000) {
  const end = Date.now() + milliseconds;
  let last;
  while (!(last = await probe())) {
    assert.ok(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return last;
}
