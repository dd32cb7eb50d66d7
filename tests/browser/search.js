// Search: suggestions, highlighted snippets, and links to sections.

import assert from "node:assert/strict";

import { browse, isInView, isSeen, PHONE, until } from "./harness.js";
import { ANGLES, fill } from "./library.js";

const input = (page) => page.locator("form[role=search] input[type=search][name=q]").first();
const list = (page) => page.locator("ul#suggestions[role=listbox]");
const options = (page) => list(page).locator("[role=option]");
const type = async (page, text) => {
  await input(page).pressSequentially(text);
  await until(`suggestions for ${text}`, async () => (await isSeen(list(page))) && (await options(page).count()) > 0);
};

for (const viewport of [{ width: 1280, height: 800 }, PHONE]) {
  browse(`suggestions appear while typing and are chosen by keyboard, ${viewport.width} px`, { viewport }, async (page, go) => {
    await go("/");
    const field = input(page);
    assert.equal(await field.getAttribute("role"), "combobox");
    assert.equal(await field.getAttribute("aria-controls"), "suggestions");
    assert.equal(await field.getAttribute("aria-expanded"), "false");
    await type(page, "干细胞");
    assert.equal(await field.getAttribute("aria-expanded"), "true");
    // Later suggestions may match by pinyin.
    assert.match(await options(page).first().innerText(), /干细胞/);

    const active = async () => {
      const id = await field.getAttribute("aria-activedescendant");
      if (!id) return null;
      const option = page.locator(`[id="${id}"]`);
      assert.equal(await option.getAttribute("aria-selected"), "true");
      assert.equal(await list(page).locator('[aria-selected="true"]').count(), 1);
      return options(page).evaluateAll((all, id) => all.findIndex((option) => option.id === id), id);
    };
    assert.equal(await active(), null);
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), 0);
    await page.keyboard.press("ArrowDown");
    assert.equal(await active(), 1);
    await page.keyboard.press("ArrowUp");
    assert.equal(await active(), 0);
    assert.equal(await field.evaluate((node) => node === document.activeElement), true, "the field keeps the focus");

    // During composition, the input method handles Enter and the arrow keys.
    await field.dispatchEvent("keydown", { key: "ArrowDown", isComposing: true, bubbles: true });
    assert.equal(await active(), 0);

    await page.keyboard.press("Escape");
    assert.equal(await field.getAttribute("aria-expanded"), "false");
    assert.equal(await isSeen(list(page)), false);
    assert.equal(await field.inputValue(), "干细胞", "the typed text stays");

    await field.fill("");
    await type(page, "移");
    await page.keyboard.press("ArrowDown");
    const chosen = (await options(page).first().innerText()).trim();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/(read\/|\?q=)/);
    const text = await page.locator("main").innerText();
    assert.ok(text.includes(chosen.split("\n")[0]), `${chosen} is on the page that it leads to`);
  });
}

browse("click chooses a suggestion", {}, async (page, go) => {
  await go("/read/risks-and-safety");
  await type(page, "干细胞");
  await options(page).nth(1).click();
  await page.waitForURL((url) => url.search.startsWith("?q=") || (url.pathname.startsWith("/read/") && !url.pathname.endsWith("risks-and-safety")));
});

browse("right click, drag and Ctrl+click do not leave the page", {}, async (page, go, context) => {
  await go("/");
  await type(page, "干细胞");
  const option = options(page).nth(1);
  await option.click({ button: "right" });
  await option.hover();
  await page.mouse.down();
  await page.mouse.move(5, 5);
  await page.mouse.up();
  await page.waitForTimeout(300);
  assert.match(page.url(), /:\d+\/$/);
  assert.equal(await isSeen(list(page)), true, "the list stays open");
  const [other] = await Promise.all([context.waitForEvent("page"), option.click({ modifiers: ["Control"] })]);
  await other.waitForURL(/\/read\//);
  assert.match(page.url(), /:\d+\/$/);
});

browse("late suggestions for a former text are ignored", {}, async (page, go) => {
  await go("/");
  await page.route(/suggest\?.*q=(%E7%B3%96|糖)(&|$)/, async (route) => {
    const response = await route.fetch();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await route.fulfill({ response }).catch(() => {});
  });
  const asked = page.waitForRequest(/suggest\?.*q=(%E7%B3%96|糖)(&|$)/);
  await input(page).pressSequentially("糖");
  await asked;
  await input(page).fill("");
  await type(page, "心");
  await page.waitForTimeout(1_500);
  for (const text of await options(page).allInnerTexts()) assert.doesNotMatch(text, /^糖/);
  assert.match((await options(page).allInnerTexts()).join(), /心/);
});

browse("late response does not open a closed list", {}, async (page, go) => {
  await go("/");
  for (const leave of [() => page.keyboard.press("Escape"), () => page.locator("h1").click()]) {
    const route = async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await route.continue().catch(() => {});
    };
    await page.route(/suggest/, route);
    const asked = page.waitForRequest(/suggest/);
    await input(page).fill("干细胞");
    await asked;
    await leave();
    await page.waitForTimeout(800);
    await page.unroute(/suggest/, route);
    assert.equal(await isSeen(list(page)), false);
    assert.equal(await input(page).getAttribute("aria-expanded"), "false");
    await input(page).fill("");
  }
});

browse("fast typing sends few requests", {}, async (page, go) => {
  await go("/");
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("/search/suggest")));
  await input(page).pressSequentially("ganxibaohuishu", { delay: 15 });
  await until("suggestions", async () => (await options(page).count()) > 0);
  assert.ok(asked <= 3, `${asked} requests for one word`);
});

browse("search works if suggestions fail", { expected: [/suggest/] }, async (page, go) => {
  await page.route("**/v1/search/suggest*", (route) => route.abort());
  await go("/");
  await input(page).pressSequentially("干细胞");
  await page.waitForTimeout(600);
  assert.equal(await isSeen(list(page)).catch(() => false), false);
  await input(page).press("Enter");
  await page.waitForURL(/\?q=/);
  assert.ok((await page.locator("ol.hits > li").count()) > 0);
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  browse(`search shows highlighted snippets that link to sections${how}`, { javaScriptEnabled }, async (page, go) => {
    await go("/");
    await input(page).fill("移植后的恢复");
    await input(page).press("Enter");
    await page.waitForURL(/\?q=/);
    const heading = (await page.locator("h1").innerText()).trim();
    assert.match(heading, /搜索.*移植后的恢复/);
    assert.equal(await input(page).inputValue(), "移植后的恢复", "the query stays in the field");
    const hits = page.locator("ol.hits > li");
    assert.ok((await hits.count()) > 1);
    assert.ok((await page.locator("ol.hits .snippet mark").count()) > 1);
    const hit = hits.filter({ has: page.locator('a[href*="#"]') }).first();
    const link = hit.locator('a[href*="#"]').first();
    const [path, anchor] = (await link.getAttribute("href")).split("#");
    assert.match(path, /^\/read\//);
    await link.click();
    await page.waitForURL(`**${path}#${anchor}`);
    const target = page.locator(`[id="${anchor}"]`);
    if (javaScriptEnabled) await until("the section is in view", () => isInView(target));
    else await until("the section is in view", async () => ((b) => b && b.y >= 0 && b.y < 800)(await target.boundingBox()));
  });

  browse(`search without hits shows a hint${how}`, { javaScriptEnabled }, async (page, go) => {
    assert.equal(await go(`/?q=${encodeURIComponent("量子纠缠龙井茶")}`), 200);
    const empty = page.locator(".empty");
    assert.equal(await isSeen(empty.first()), true);
    assert.ok((await empty.first().innerText()).length > 10, "a hint is shown");
    assert.equal(await page.locator("ol.hits > li").count(), 0);
    assert.equal(await page.locator("main a.more:not(#hot a)").count(), 0);
  });
}

browse("queries and titles are shown as text, not as markup", {}, async (page, go) => {
  await fill();
  const query = '"><img src=x onerror=alert(1)><b>x</b>';
  assert.equal(await go(`/?q=${encodeURIComponent(query)}`), 200);
  assert.ok((await page.locator("h1").innerText()).includes(query));
  assert.equal(await input(page).inputValue(), query);
  assert.equal(await page.locator("main img, main h1 b").count(), 0);
  await go("/");
  await type(page, "标题里的");
  assert.ok((await options(page).first().innerText()).includes(ANGLES));
  await go("/read/angles");
  assert.equal(await page.locator("article h1").innerText(), ANGLES);
  assert.equal(await page.locator("ul.questions > li").innerText(), "<i>斜体</i>是什么？");
});

browse("short, empty and long queries return a page", { expected: [/status of 400/] }, async (page, go) => {
  for (const query of ["a", "", "%20", "。"]) {
    assert.ok([200, 400].includes(await go(`/?q=${query}`)), query);
    assert.equal(await isSeen(page.locator("main h1")), true);
  }
  const status = await go(`/?q=${encodeURIComponent("很".repeat(300))}`);
  assert.ok([200, 400].includes(status));
  assert.equal(await isSeen(input(page)), true, "search is available");
});
