// The table of contents links to sections and marks the current one.

import assert from "node:assert/strict";

import { browse, DESK, isInView, isSeen, PHONE, until } from "./harness.js";
import { fill } from "./library.js";

const ARTICLE = "/read/stem-cell-infusion";
const current = (page) =>
  page.locator('nav.toc a[aria-current="true"]').evaluateAll((links) => links.map((link) => link.getAttribute("href")));

browse("table of contents links to every section", { viewport: DESK }, async (page, go) => {
  await go(ARTICLE);
  const anchors = await page.locator("article .heading > h2[id]").evaluateAll((all) => all.map(({ id }) => id));
  const links = await page.locator("nav.toc a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  for (const anchor of anchors) assert.ok(links.includes(`#${anchor}`), `#${anchor} is in the contents`);
  for (const anchor of [anchors[2], anchors[0], anchors.at(-1)]) {
    await page.locator(`nav.toc a[href="#${anchor}"]`).click();
    await until(`#${anchor} is in view`, () => isInView(page.locator(`#${anchor}`)));
    assert.equal(new URL(page.url()).hash, `#${anchor}`);
  }
  await page.goBack();
  await until("back returns to the previous section", () => isInView(page.locator(`#${anchors[0]}`)));
});

browse("table of contents marks the current section while scrolling", { viewport: DESK }, async (page, go) => {
  await go(ARTICLE);
  const links = await page.locator("nav.toc a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  let followed = 0;
  for (const link of [...links, ...links.toReversed()]) {
    // Scrolls the heading to the top of the screen, unless the page ends before.
    const reached = await page.locator(link).evaluate((heading) => {
      window.scrollTo({ top: heading.getBoundingClientRect().top + scrollY - 90, behavior: "instant" });
      return Math.abs(heading.getBoundingClientRect().top - 90) < 2;
    });
    if (!reached) continue; // the end of the page
    // Several headings may be in the upper part of the screen; each of them is accepted.
    const near = await page.locator("article .heading > [id]").evaluateAll((headings) =>
      headings.filter((heading) => ((top) => top > 0 && top < innerHeight * 0.4)(heading.getBoundingClientRect().top)).map(({ id }) => `#${id}`),
    );
    assert.ok(near.includes(link));
    const marked = await until(`${near} is the current one`, async () => {
      const now = await current(page);
      return now.length === 1 && near.includes(now[0]) && now[0];
    });
    await until(`the entry ${marked} is in view`, () => isInView(page.locator(`nav.toc a[href="${marked}"]`)));
    followed++;
  }
  assert.ok(followed > 8, `${followed} entries followed`);
});

browse("link target is the current section, even if short and last", { viewport: { width: 1280, height: 2000 } }, async (page, go) => {
  await go(ARTICLE);
  const links = await page.locator("nav.toc a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  for (const link of [links.at(-1), links[1], links.at(-2)]) {
    await page.locator(`nav.toc a[href="${link}"]`).click();
    await until(`${link} is current`, async () => (await current(page)).join() === link);
    await page.waitForTimeout(700);
    assert.deepEqual(await current(page), [link], "still current after the scroll");
  }
  await go("about:blank");
  await go(`${ARTICLE}${links[2]}`);
  await until("it is current", async () => (await current(page)).join() === links[2]);
  // The browser ignores the wheel during its own scroll.
  await page.waitForTimeout(700);
  await page.mouse.wheel(0, -5000);
  await until("scrolling changes the current section", async () => (await current(page)).join() === links[0]);
});

browse("table of contents with 200 sections stays in view", { viewport: DESK }, async (page, go) => {
  await fill();
  await go("/read/many-sections");
  for (const anchor of ["part-0", "part-57", "part-140", "part-9"]) {
    await page.locator(`#${anchor}`).evaluate((heading) => heading.scrollIntoView({ behavior: "instant" }));
    const link = await until("a section is current", async () => (await current(page))[0]);
    await until(`its entry is in view`, async () => {
      const [now] = await current(page);
      return now && isInView(page.locator(`nav.toc a[href="${now}"]`));
    });
    assert.ok(link);
  }
});

browse("table of contents opens on a phone and leads to a section", { viewport: PHONE }, async (page, go) => {
  await go(ARTICLE);
  const contents = page.locator("nav.toc");
  const first = contents.locator("a").nth(2);
  if (!(await isSeen(first))) await contents.locator("summary").click();
  await until("the contents are open", () => isSeen(first));
  const anchor = (await first.getAttribute("href")).slice(1);
  await first.click();
  await until("the section is in view", () => isInView(page.locator(`#${anchor}`)));
  assert.equal(new URL(page.url()).hash, `#${anchor}`);
});

browse("table of contents works without JavaScript", { viewport: PHONE, javaScriptEnabled: false }, async (page, go) => {
  await go(ARTICLE);
  const contents = page.locator("nav.toc");
  const link = contents.locator("a").nth(3);
  await contents.locator("summary").first().click().catch(() => {});
  await link.click();
  const anchor = new URL(page.url()).hash;
  assert.equal(anchor, await link.getAttribute("href"));
  await until("the section is in view", async () => {
    const box = await page.locator(anchor).boundingBox();
    return box && box.y >= 0 && box.y < PHONE.height;
  });
});

browse("section link is visible on hover and focus only", {}, async (page, go) => {
  await go(ARTICLE);
  const box = page.locator("article .heading:has(> h2[id])").nth(1);
  const [heading, link] = [box.locator("h2"), box.locator("a.anchor")];
  assert.equal(await link.getAttribute("href"), `#${await heading.getAttribute("id")}`);
  assert.doesNotMatch(await heading.innerText(), /#/, "the link is not part of the heading");
  assert.match((await link.getAttribute("aria-label")) ?? "", /本节链接/);
  await page.mouse.move(0, 0);
  await heading.scrollIntoViewIfNeeded();
  assert.equal(await isSeen(link), false, "the link is hidden");
  await heading.hover();
  await until("the link is seen on hover", () => isSeen(link));
  await page.mouse.move(0, 0);
  await link.focus();
  await until("the link is seen on focus", () => isSeen(link));
});
