// The example page of the documentation, opened as a file: it uses the public API from another origin.

import assert from "node:assert/strict";

import { browse, PHONE, service, until } from "./harness.js";
import { fill, REASON } from "./library.js";

const file = new URL("../../examples/page/article.html", import.meta.url).href;
const addressOf = (slug) => `${file}?slug=${slug}&api=${encodeURIComponent(service.origin)}`;
const heading = (page) => until("the heading", () => page.locator("h1").allInnerTexts().then((texts) => texts[0]));

browse("the example page shows an article with licence and disclaimer", { viewport: PHONE }, async (page) => {
  await page.goto(addressOf("stem-cell-infusion"));
  assert.match(await heading(page), /干细胞回输/);
  assert.ok((await page.locator("main section").count()) > 5);
  await until("the footer", () => page.locator("footer a").count());
  assert.match(await page.locator("footer").innerText(), /不构成诊断.*许可/s);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `the page is ${width} px wide on a phone`);
  await page.locator('main a[href^="?slug="]').first().click();
  await until("the linked article", () => page.url().includes("slug=") && !page.url().includes("stem-cell-infusion"));
  await heading(page);
});

const status = [/the server responded with a status of 4(04|10)/];

browse("the example page says in Chinese that an article does not exist", { expected: status }, async (page) => {
  await page.goto(addressOf("no-such-article"));
  assert.equal(await heading(page), "没有找到这篇文章");
});

browse("the example page gives the reason of a withdrawn article", { expected: status }, async (page) => {
  await fill();
  await page.goto(addressOf("withdrawn"));
  assert.equal(await heading(page), "这篇文章已撤下");
  assert.match(await page.locator("main").innerText(), new RegExp(REASON));
});
