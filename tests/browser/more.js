// Related reading, the hot list, and 更多, which loads the next items in place or, without JavaScript, is a link.

import assert from "node:assert/strict";

import { browse, isInView, isSeen, PHONE, until } from "./harness.js";
import { fill } from "./library.js";

const ARTICLE = "/read/stem-cell-infusion";
const LISTS = {
  related: ["/read/sample-01", "#related .recommendations > li", "#related a.more"],
  hot: ["/read/one-paragraph", "#hot .recommendations > li", "#hot a.more"],
  "the hot list of the first page": ["/", "#hot .recommendations > li", "#hot a.more"],
  list: ["/", "ol.cards > li", "main a.more:not(#hot a)"],
  "a topic": ["/?topic=samples", "ol.cards > li", "main a.more:not(#hot a)"],
  search: [`/?q=${encodeURIComponent("示例文章")}`, "ol.hits > li", "main a.more:not(#hot a)"],
};
/** Returns the first link of each item, which identifies it. */
const targets = (items) => items.evaluateAll((all) => all.map((item) => item.querySelector("a").getAttribute("href")));

for (const [name, [path, item, link]] of Object.entries(LISTS)) {
  browse(`更多 loads the next items in place: ${name}`, {}, async (page, go) => {
    await fill();
    await go(path);
    const [items, more, address] = [page.locator(item), page.locator(link), page.url()];
    const first = await targets(items);
    assert.match(await more.innerText(), /更多/);
    await more.click();
    await until("there are more", async () => (await items.count()) > first.length);
    assert.equal(page.url(), address);
    const all = await targets(items);
    assert.deepEqual(all.slice(0, first.length), first, "existing items stay");
    assert.equal(new Set(all).size, all.length, "no item is repeated");
    // For screen readers and keyboards, the focus moves to the first new item and a status is announced.
    await until("the first new item has the focus", () =>
      items.nth(first.length).evaluate((node) => node.contains(document.activeElement)),
    );
    await until("the status is announced", async () => (await page.locator("#status[role=status]").innerText()).trim());
    // New items have the same structure.
    const shape = (n) =>
      items.nth(n).evaluate((node) => [node.firstElementChild.tagName, node.querySelectorAll("a").length > 0, !!node.querySelector(".facts"), !!node.querySelector("[aria-describedby]"), node.querySelector("h2, h3")?.tagName]);
    assert.deepEqual(await shape(first.length), await shape(first.length - 1));
    // Loads to the end of the list.
    for (let i = 0; i < 40 && (await more.count()) && (await isSeen(more)); i++) {
      const before = await items.count();
      await more.click();
      await until("there are more", async () => (await items.count()) > before);
    }
    assert.equal((await more.count()) && (await isSeen(more)), 0, "更多 disappears at the end");
    const end = await targets(items);
    assert.equal(new Set(end).size, end.length, "no item is repeated");
  });

  browse(`更多 is a link without JavaScript: ${name}`, { javaScriptEnabled: false }, async (page, go) => {
    await fill();
    await go(path);
    const first = await targets(page.locator(item));
    const more = page.locator(link);
    await more.click();
    await until("the next page opens", () => page.url() !== new URL(path, page.url()).href);
    assert.equal(await page.locator("h1").count(), 1);
    const next = await targets(page.locator("main li:has(a[href^='/read/'])"));
    assert.ok(next.some((target) => !first.includes(target)), "the page has new items");
  });
}

browse("sidebar scrolls after loading more items", { viewport: { width: 1280, height: 800 } }, async (page, go) => {
  await fill();
  await go("/");
  const items = page.locator("#hot .recommendations > li");
  const before = await items.count();
  await page.locator("#hot a.more").click();
  await until("there are more", async () => (await items.count()) > before);
  await until("the first new item is seen", async () => {
    const { y, height } = await items.nth(before).boundingBox();
    return y >= 0 && y + height <= 800;
  });
  assert.ok((await page.evaluate(() => scrollY)) < 800, "the page itself has not scrolled");
  await items.last().scrollIntoViewIfNeeded();
  await until("the last item is seen", () => isInView(items.last().locator("a")));
});

browse("late items do not move the focus", {}, async (page, go) => {
  await fill();
  await page.route("**/v1/recommendations/hot*", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 800));
    await route.continue();
  });
  await go("/");
  const items = page.locator("#hot .recommendations > li");
  const before = await items.count();
  await page.locator("#hot a.more").click();
  const field = page.locator("form[role=search] input[type=search]");
  await field.click();
  await until("there are more", async () => (await items.count()) > before);
  assert.equal(await field.evaluate((node) => node === document.activeElement), true);
});

for (const screen of [{}, { viewport: PHONE, hasTouch: true, isMobile: true }]) {
  browse(`recommendations show their reason ${screen.hasTouch ? "on a touch screen" : "below the link"}`, screen, async (page, go) => {
    await go(ARTICLE);
    for (const list of ["#related", "#hot"]) {
      const links = await page.locator(`${list} .recommendations a[aria-describedby]`).all();
      assert.ok(links.length > 3);
      for (const link of links) {
        const reason = page.locator(`[id="${await link.getAttribute("aria-describedby")}"]`);
        assert.ok((await reason.textContent()).trim());
        await link.hover();
        assert.equal(await isSeen(reason), true);
        const [above, below] = [await link.boundingBox(), await reason.boundingBox()];
        assert.ok(above.y + above.height <= below.y + 1, "the reason is below the link");
      }
    }
    const ids = await page.locator("[id]").evaluateAll((all) => all.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length, "ids are unique");
  });
}

browse("reasons are those of the API", {}, async (page, go) => {
  await go(ARTICLE);
  const response = await page.request.get("/v1/articles/stem-cell-infusion/related?limit=6");
  for (const { title, slug, why } of (await response.json()).data) {
    const link = page.locator("#related .recommendations a", { hasText: title }).first();
    assert.equal(await link.getAttribute("href"), `/read/${slug}`);
    const reason = page.locator(`[id="${await link.getAttribute("aria-describedby")}"]`);
    if (why.source === "editorial") assert.ok((await reason.textContent()).includes(why.reason));
  }
});

browse("link of related reading leads to the article", {}, async (page, go) => {
  await go(ARTICLE);
  const link = page.locator("#related .recommendations a[href^='/read/']").first();
  const [target, title] = [await link.getAttribute("href"), (await link.innerText()).trim()];
  await link.click();
  await page.waitForURL(`**${target}`);
  assert.equal((await page.locator("article h1").innerText()).trim(), title);
});

browse("external recommendation has rel=noopener", {}, async (page, go) => {
  await go("/read/check-registration");
  const link = page.locator('#related a[href="https://www.chictr.org.cn/"]');
  assert.match((await link.getAttribute("rel")) ?? "", /noopener/);
});
