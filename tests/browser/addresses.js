// Addresses: deep links, sections and articles that were renamed, what is not there, what is no longer there.

import assert from "node:assert/strict";

import { browse, isInView, isSeen, service, until } from "./harness.js";
import { fill, REASON } from "./library.js";

/** Whether the element is at the top of the screen, asked without the page's help. */
const isAtTop = async (locator) => {
  const box = await locator.boundingBox();
  return box !== null && box.y >= 0 && box.y < 300;
};

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without a script";
  const options = { javaScriptEnabled };

  browse(`a deep link leads to its section${how}`, options, async (page, go) => {
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

  browse(`the old link to a renamed section still leads there${how}`, options, async (page, go) => {
    await fill();
    await go("/read/renamed#old-name");
    const heading = page.locator("#new-name");
    assert.match(await heading.innerText(), /新的名字/);
    await until("the section is at the top", () => isAtTop(heading));
    if (javaScriptEnabled) assert.equal(await isInView(heading), true, "nothing lies over it");
  });

  browse(`who comes for a section that was removed is told so${how}`, options, async (page, go) => {
    await fill();
    for (const [anchor, seen] of [["", false], ["#stays", false], ["#leaves", true]]) {
      await go("about:blank");
      await go(`/read/shortened${anchor}`);
      assert.equal(await isSeen(page.locator(".gone")), seen, anchor);
    }
    await until("it is at the top", () => isAtTop(page.locator(".gone")));
  });

  browse(`an old slug leads to the article, section and all${how}`, options, async (page, go) => {
    await fill();
    await go("/read/moved-from#second");
    assert.match(page.url(), /\/read\/moved-to#second$/);
    await until("the section is at the top", () => isAtTop(page.locator("#second")));
  });

  browse(`what is not there is a page that says so${how}`, { ...options, expected: [/status of 404/] }, async (page, go) => {
    for (const path of ["/read/never-was", "/read/never-was/at-all", "/never"]) {
      const status = await go(path);
      assert.equal(status, 404, path);
      if (path === "/never") continue; // the API's
      assert.equal(await isSeen(page.locator("main h1")), true);
      assert.match(await page.locator("main").innerText(), /[\u4e00-\u9fff]{4}/);
      assert.equal(await isSeen(page.locator("form[role=search] input[type=search]")), true, "one can search");
      await page.locator("a.site").click();
      await page.waitForURL(/:\d+\/$/);
    }
    assert.equal(await go("/?topic=never-was"), 404);
    assert.equal(await isSeen(page.locator("main h1")), true);
  });

  browse(`what was withdrawn says why${how}`, { ...options, expected: [/status of 410/] }, async (page, go) => {
    await fill();
    assert.equal(await go("/read/withdrawn"), 410);
    assert.ok((await page.locator("main").innerText()).includes(REASON));
    assert.equal(await isSeen(page.locator("form[role=search] input[type=search]")), true);
  });

  browse(`a broken address is a page that says so${how}`, { ...options, expected: [/status of 400/] }, async (page, go) => {
    assert.equal(await go("/?cursor=broken"), 400);
    assert.equal(await isSeen(page.locator("main h1")), true);
    assert.equal(await isSeen(page.locator("a.site")), true);
  });
}

browse("a section's link changes with the reader's way, and back", {}, async (page, go) => {
  await fill();
  await go("/read/renamed");
  await page.evaluate(() => (location.hash = "old-name"));
  await until("the section is in view", () => isInView(page.locator("#new-name")));
});
