// How much a page may cost: requests, bytes, and no movement after the first paint.

import assert from "node:assert/strict";

import { browse, DESK, PHONE, service, until } from "./harness.js";

const ARTICLE = "/read/stem-cell-infusion";

browse("an article is readable after 3 requests and 100 KB", {}, async (page, go, context) => {
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const [requests, codings, sizes, icons] = [new Map(), [], new Map(), []];
  network.on("Network.requestWillBeSent", ({ requestId, request, type }) => {
    // The icon in the tab is fetched beside, and no text waits for it; the telling of a reading comes after.
    if (type === "Other") icons.push(request.url);
    else if (type !== "Ping") requests.set(requestId, request.url);
  });
  network.on("Network.responseReceived", ({ requestId, response }) => {
    if (requests.has(requestId)) codings.push(response.headers["content-encoding"]);
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await go(ARTICLE);
  await page.waitForTimeout(500);
  const known = [...requests].map(([id, url]) => [new URL(url).pathname, sizes.get(id)]);
  assert.deepEqual(known.map(([path]) => path).sort(), [ARTICLE, "/reader.css", "/reader.js"].sort());
  const icon = await page.locator("link[rel=icon]").evaluateAll((links) => links.map(({ href }) => href));
  icon.push(`${service.origin}/favicon.ico`); // where a browser looks of itself
  for (const url of icons) assert.ok(icon.includes(url), `${url} is not the icon`);
  assert.deepEqual([...new Set(codings)], ["br"]);
  const total = known.reduce((sum, [, size]) => sum + size, 0);
  console.log(`${ARTICLE}: ${known.map(([path, size]) => `${path} ${size}`).join(", ")}: ${total} bytes with br`);
  assert.ok(total > 1_000 && total <= 100_000, `${total} bytes`);
});

browse("style and script are at most 60 KB together, before compression", {}, async () => {
  let total = 0;
  for (const path of ["/reader.css", "/reader.js"]) {
    const answer = await fetch(service.origin + path);
    assert.equal(answer.status, 200, path);
    total += (await answer.arrayBuffer()).byteLength;
  }
  assert.ok(total <= 60_000, `${total} bytes`);
});

for (const viewport of [PHONE, DESK]) {
  for (const path of ["/", ARTICLE, `/?q=${encodeURIComponent("干细胞")}`]) {
    browse(`the first paint waits for no script, and nothing moves after it: ${viewport.width} px, ${path}`, { viewport }, async (page) => {
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
      await until("there is text before the script", async () => {
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

browse("a strict policy holds on every page", { expected: [/status of 404/] }, async (page) => {
  for (const path of ["/", ARTICLE, `/?q=x`, "/read/never-was"]) {
    const policy = (await page.goto(path)).headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
    assert.equal(await page.locator("[style], style, script:not([src]):not([type='application/ld+json'])").count(), 0);
  }
});
