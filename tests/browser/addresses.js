// URLs: deep links, renamed sections and articles, and pages for 400, 404 and 410.

import assert from "node:assert/strict";

import { browse, isInView, isSeen, service, until } from "./harness.js";
import { fill, REASON } from "./library.js";

/** Returns whether the element is at the top of the screen; works without JavaScript in the page. */
const isAtTop = async (locator) => {
  const box = await locator.boundingBox();
  return box !== null && box.y >= 0 && box.y < 300;
};

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  const options = { javaScriptEnabled };

  browse(`deep link leads to its section${how}`, options, async (page, go) => {
    const { data } = await (await fetch(`${service.origin}/v1/articles/stem-cell-infusion/sections?flat=true`)).json();
    for (const { anchor, number } of [data[3], data[6]]) {
      await go("about:blank");
      await go(`/read/stem-cell-infusion#${anchor}`);
      await until(`#${anchor} is at the top`, () => isAtTop(page.locator(`[id="${anchor}"]`)));
      await go("about:blank");
      await go(`/read/stem-cell-infusion#${number}`);
      await until(`#${number} is at the top`, () => isAtTop(page.locator(`[id="${anchor}"]`)));
    }
  });

  browse(`former anchor of a renamed section leads to it${how}`, options, async (page, go) => {
    await fill();
    await go("/read/renamed#old-name");
    const heading = page.locator("#new-name");
    assert.match(await heading.innerText(), /新的名字/);
    await until("the section is at the top", () => isAtTop(heading));
    if (javaScriptEnabled) assert.equal(await isInView(heading), true, "nothing covers it");
  });

  browse(`link to a removed section shows a notice${how}`, options, async (page, go) => {
    await fill();
    for (const [anchor, seen] of [["", false], ["#stays", false], ["#leaves", true]]) {
      await go("about:blank");
      await go(`/read/shortened${anchor}`);
      assert.equal(await isSeen(page.locator(".gone")), seen, anchor);
    }
    await until("it is at the top", () => isAtTop(page.locator(".gone")));
  });

  browse(`former slug redirects to the article and keeps the fragment${how}`, options, async (page, go) => {
    await fill();
    await go("/read/moved-from#second");
    assert.match(page.url(), /\/read\/moved-to#second$/);
    await until("the section is at the top", () => isAtTop(page.locator("#second")));
  });

  browse(`unknown article returns a 404 page${how}`, { ...options, expected: [/status of 404/] }, async (page, go) => {
    for (const path of ["/read/never-was", "/read/never-was/at-all", "/never"]) {
      const status = await go(path);
      assert.equal(status, 404, path);
      if (path === "/never") continue; // answered by the API
      assert.equal(await isSeen(page.locator("main h1")), true);
      assert.match(await page.locator("main").innerText(), /[\u4e00-\u9fff]{4}/);
      assert.equal(await isSeen(page.locator("form[role=search] input[type=search]")), true, "search is available");
      await page.locator("a.site").click();
      await page.waitForURL(/:\d+\/$/);
    }
    assert.equal(await go("/?topic=never-was"), 404);
    assert.equal(await isSeen(page.locator("main h1")), true);
  });

  browse(`withdrawn article returns a 410 page with the reason${how}`, { ...options, expected: [/status of 410/] }, async (page, go) => {
    await fill();
    assert.equal(await go("/read/withdrawn"), 410);
    assert.ok((await page.locator("main").innerText()).includes(REASON));
    assert.equal(await isSeen(page.locator("form[role=search] input[type=search]")), true);
  });

  browse(`invalid cursor returns a 400 page${how}`, { ...options, expected: [/status of 400/] }, async (page, go) => {
    assert.equal(await go("/?cursor=broken"), 400);
    assert.equal(await isSeen(page.locator("main h1")), true);
    assert.equal(await isSeen(page.locator("a.site")), true);
  });
}

browse("former anchor works for a change of the fragment", {}, async (page, go) => {
  await fill();
  await go("/read/renamed");
  await page.evaluate(() => (location.hash = "old-name"));
  await until("the section is in view", () => isInView(page.locator("#new-name")));
});
