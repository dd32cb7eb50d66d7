// Page budget: requests, bytes, and no layout shift after the first paint.

import assert from "node:assert/strict";

import { browse, DESK, PHONE, service, until } from "./harness.js";

const ARTICLE = "/read/stem-cell-infusion";

browse("article needs at most 3 requests and 100 KB", {}, async (page, go, context) => {
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const [requests, codings, sizes, icons] = [new Map(), [], new Map(), []];
  network.on("Network.requestWillBeSent", ({ requestId, request, type }) => {
    // Icon and view beacon do not delay the text.
    if (type === "Other") icons.push(request.url);
    else if (type !== "Ping") requests.set(requestId, request.url);
  });
  network.on("Network.responseReceived", ({ requestId, response }) => {
    if (requests.has(requestId)) codings.push(response.headers["content-encoding"]);
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await go(ARTICLE);
  await page.waitForTimeout(500);
  const loaded = [...requests].map(([id, url]) => [new URL(url).pathname, sizes.get(id)]);
  assert.deepEqual(loaded.map(([path]) => path).sort(), [ARTICLE, "/reader.css", "/reader.js"].sort());
  const icon = await page.locator("link[rel=icon]").evaluateAll((links) => links.map(({ href }) => href));
  icon.push(`${service.origin}/favicon.ico`); // the browser's default
  for (const url of icons) assert.ok(icon.includes(url), `${url} is not the icon`);
  assert.deepEqual([...new Set(codings)], ["br"]);
  const total = loaded.reduce((sum, [, size]) => sum + size, 0);
  console.log(`${ARTICLE}: ${loaded.map(([path, size]) => `${path} ${size}`).join(", ")}: ${total} bytes with br`);
  assert.ok(total > 1_000 && total <= 100_000, `${total} bytes`);
});

browse("style sheet and script have at most 60 KB before compression", {}, async () => {
  let total = 0;
  for (const path of ["/reader.css", "/reader.js"]) {
    const response = await fetch(service.origin + path);
    assert.equal(response.status, 200, path);
    total += (await response.arrayBuffer()).byteLength;
  }
  assert.ok(total <= 60_000, `${total} bytes`);
});

for (const viewport of [PHONE, DESK]) {
  for (const path of ["/", ARTICLE, `/?q=${encodeURIComponent("干细胞")}`]) {
    browse(`first paint does not wait for the script, and nothing shifts after it: ${viewport.width} px, ${path}`, { viewport }, async (page) => {
      await page.addInitScript(() => {
        window.moved = [];
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            window.moved.push([entry.value, ...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80))].join(" "));
        }).observe({ type: "layout-shift", buffered: true });
      });
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await page.route("**/reader.js", async (route) => (await held, route.continue()));
      await page.goto(path, { waitUntil: "commit" });
      await until("text is painted before the script loads", async () => {
        const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length);
        return painted && (await page.locator("main h1").innerText());
      });
      release();
      await page.waitForLoadState("load");
      await page.waitForTimeout(700);
      assert.deepEqual(await page.evaluate(() => window.moved), []);
    });
  }
}

browse("every page has a strict content security policy", { expected: [/status of 404/] }, async (page) => {
  for (const path of ["/", ARTICLE, `/?q=x`, "/read/never-was"]) {
    const policy = (await page.goto(path)).headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
    assert.equal(await page.locator("[style], style, script:not([src]):not([type='application/ld+json'])").count(), 0);
  }
});
