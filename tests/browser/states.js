// Pages with missing data, failures, and extreme content.

import assert from "node:assert/strict";
import { after } from "node:test";

import { browse, DESK, isInView, isSeen, PHONE, Service, service, SMALL, until } from "./harness.js";
import { fill, LONG_TITLE, SECTIONS } from "./library.js";

let started;
/** A service with one draft and no published article. */
const empty = () => (started ??= Service.start({ drafts: { draft: "---\ntitle: 草稿\n---\n\n文。\n" } }));
after(async () => (await started)?.stop());

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  browse(`empty library shows a notice${how}`, { at: empty, javaScriptEnabled }, async (page, go) => {
    assert.equal(await go("/"), 200);
    assert.equal(await isSeen(page.locator("main h1")), true);
    assert.equal(await isSeen(page.locator(".empty").first()), true);
    assert.equal(await page.locator("a.more").count(), 0);
    assert.equal(await page.locator("ol.cards > li, .recommendations > li").count(), 0);
    assert.equal(await page.locator("#hot:visible").count(), 0, "an empty list has no heading");
    assert.equal(await go(`/?q=${encodeURIComponent("干细胞")}`), 200);
    assert.equal(await isSeen(page.locator(".empty").first()), true);
  });
}

/** Clicks the link, and checks that the list is unchanged and an error is announced. */
const failsInPlace = async (page, link) => {
  const items = page.locator("#related .recommendations > li");
  const [count, href] = [await items.count(), await link.getAttribute("href")];
  await link.click();
  await until("the error is announced", async () => /无法加载/.test(await page.locator("#status[role=status]").innerText()));
  assert.equal(await isInView(page.locator("#related .failed")), true, "the error is visible beside the link");
  assert.equal(await items.count(), count);
  assert.equal(await isSeen(page.locator("article h1")), true);
  assert.equal(await link.getAttribute("href"), href);
  assert.equal(await link.evaluate((node) => node.matches(":disabled, [aria-disabled=true]")), false);
};

browse("offline, the list stays and can be retried", { expected: [/ERR_INTERNET_DISCONNECTED/] }, async (page, go, context) => {
  await fill();
  await go("/read/sample-02");
  const [link, items] = [page.locator("#related a.more"), page.locator("#related .recommendations > li")];
  await page.waitForTimeout(300);
  await context.setOffline(true);
  await failsInPlace(page, link);
  await context.setOffline(false);
  const count = await items.count();
  await link.click();
  await until("the next items load", async () => (await items.count()) > count);
  assert.doesNotMatch(await page.locator("#status").innerText(), /无法加载/);
});

for (const [what, response] of Object.entries({
  "a 503": { status: 503, contentType: "application/problem+json", body: '{"title":"x","status":503}' },
  "a response without JSON": { status: 200, contentType: "text/html", body: "<h1>portal</h1>" },
  "a failed connection": null,
})) {
  browse(`after ${what}, the list stays`, { expected: [/status of 503/, /ERR_FAILED/] }, async (page, go) => {
    await fill();
    await page.route(/\/v1\/.*(related|recommendations)/, (route) => (response ? route.fulfill(response) : route.abort()));
    await go("/read/sample-03");
    await failsInPlace(page, page.locator("#related a.more"));
  });
}

browse("without the database, cached pages are served and others return a 503 page", { expected: [/status of 503/] }, async (page, go) => {
  await fill();
  assert.equal(await go("/read/sample-04"), 200);
  await service.withoutDatabase(async () => {
    await failsInPlace(page, page.locator("#related a.more"));
    assert.equal(await go("/read/sample-04"), 200, "from the cache");
    assert.equal(await go("/read/sample-05"), 503);
    assert.match(page.url(), /sample-05$/);
    assert.equal(await isSeen(page.locator("main h1")), true);
    assert.match(await page.locator("main").innerText(), /[\u4e00-\u9fff]{4}/);
    assert.equal(await isSeen(page.locator("a.site")), true);
  });
  await until("the service recovers", async () => (await page.reload()).status() === 200, 20_000);
});

for (const viewport of [SMALL, PHONE, DESK]) {
  browse(`extreme content does not scroll the page sideways, ${viewport.width} px`, { viewport }, async (page, go) => {
    await fill();
    const query = encodeURIComponent(LONG_TITLE.slice(0, 12));
    for (const path of ["/read/long-title", "/read/long-word", "/read/one-paragraph", "/read/many-sections", "/read/wide", "/", "/?topic=samples", `/?q=${query}`, "/?q=immunoglobulin", "/read/stem-cell-infusion", "/read/check-registration"]) {
      assert.equal(await go(path), 200, path);
      const wide = await page.evaluate(() => {
        const width = document.documentElement.clientWidth;
        const all = [...document.querySelectorAll("body *")];
        // Elements inside a scroll container, such as a wide table, may be wider.
        const scrolls = (node) => node && (/(auto|scroll|hidden|clip)/.test(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
        return [
          document.documentElement.scrollWidth - width,
          ...all.filter((node) => node.getBoundingClientRect().right > width + 1 && !scrolls(node.parentElement) && node.checkVisibility({ visibilityProperty: true })).map((node) => node.outerHTML.slice(0, 80)),
        ];
      });
      assert.deepEqual(wide, [0], `${path} does not scroll sideways`);
    }
  });
}

browse("table of contents is absent for one paragraph and complete for 200 sections", {}, async (page, go) => {
  await fill();
  await go("/read/one-paragraph");
  assert.equal(await page.locator("nav.toc:visible").count(), 0);
  assert.match(await page.locator("article").innerText(), /只有这一段。/);
  await go("/read/many-sections");
  assert.equal(await page.locator("article .heading > :is(h2, h3)[id]").count(), SECTIONS);
  assert.equal(await page.locator("nav.toc a").count(), SECTIONS);
  const contents = await page.locator("nav.toc").boundingBox();
  assert.ok(contents.height <= DESK.height, "the table of contents scrolls by itself");
});

browse("wide table scrolls by keyboard", { viewport: PHONE }, async (page, go) => {
  await fill();
  await go("/read/wide");
  const scrolled = await page.locator("table").first().evaluate((table) => {
    let box = table;
    while (box && !(box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX))) box = box.parentElement;
    if (!box) return "no box scrolls";
    box.scrollLeft = 50;
    return box.scrollLeft > 0;
  });
  assert.equal(scrolled, true);
});
