// Screenshots of the pages for review: target/browser/{page}-{width}-{scheme}.png.

import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { browse, DESK, PHONE, PICTURES } from "./harness.js";

const PAGES = {
  list: "/",
  search: `/?q=${encodeURIComponent("干细胞 移植")}`,
  article: "/read/stem-cell-infusion",
};

for (const viewport of [PHONE, DESK]) {
  for (const colorScheme of ["light", "dark"]) {
    browse(`screenshots at ${viewport.width} px, ${colorScheme}`, { viewport, colorScheme }, async (page, go) => {
      await mkdir(PICTURES, { recursive: true });
      for (const [name, path] of Object.entries(PAGES)) {
        assert.equal(await go(path), 200);
        const picture = (part) => join(PICTURES, `${name}-${viewport.width}-${colorScheme}${part}.png`);
        await page.screenshot({ path: picture("") });
        await page.screenshot({ path: picture("-whole"), fullPage: true });
        assert.ok((await stat(picture("-whole"))).size > 10_000, "the page is not empty");
      }
      // The middle of an article, with the table of contents.
      await page.locator("article section h2").nth(2).scrollIntoViewIfNeeded();
      await page.mouse.wheel(0, 500);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(PICTURES, `article-${viewport.width}-${colorScheme}-middle.png`) });
    });
  }
}
