// Accessibility: axe-core's rules for WCAG 2.2 A and AA and best practice, and operation by keyboard.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

import { browse, DESK, isInView, isSeen, PHONE, SMALL, until } from "./harness.js";
import { fill } from "./library.js";

// An init script is not subject to the page's content security policy.
const AXE = { path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") };
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PAGES = {
  list: ["/", 200],
  topic: ["/?topic=haematology", 200],
  search: [`/?q=${encodeURIComponent("干细胞")}`, 200],
  "search without hits": [`/?q=${encodeURIComponent("量子纠缠龙井茶")}`, 200],
  article: ["/read/stem-cell-infusion", 200],
  "one paragraph": ["/read/one-paragraph", 200],
  wide: ["/read/wide", 200],
  404: ["/read/never-was", 404],
  410: ["/read/withdrawn", 410],
};

/** Returns the violations that axe finds, each with its element. */
const violations = async (page) => {
  // The script makes wide tables focusable after the first layout.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: "tag", values } }), TAGS);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`));
};

for (const viewport of [SMALL, PHONE, DESK]) {
  for (const colorScheme of ["light", "dark"]) {
    const options = { viewport, colorScheme, expected: [/status of 4(04|10)/] };
    browse(`axe finds nothing at ${viewport.width} px, ${colorScheme}`, options, async (page, go) => {
      await fill();
      await page.addInitScript(AXE);
      const found = {};
      for (const [name, [path, status]] of Object.entries(PAGES)) {
        assert.equal(await go(path), status);
        const bad = await violations(page);
        if (bad.length) found[name] = bad;
      }
      assert.deepEqual(found, {});
    });
  }
}

browse("axe finds nothing with open suggestions, table of contents, and a loaded list", { viewport: PHONE }, async (page, go) => {
  await page.addInitScript(AXE);
  await go("/");
  await page.locator("form[role=search] input").first().pressSequentially("干细胞");
  await until("suggestions", () => isSeen(page.locator("#suggestions [role=option]").first()).catch(() => false));
  await page.keyboard.press("ArrowDown");
  assert.deepEqual(await violations(page), []);
  await go("/read/stem-cell-infusion");
  await page.locator("nav.toc summary").click();
  await page.locator("#related a.more").click();
  await page.locator("#related .recommendations a").first().focus();
  await page.waitForTimeout(500);
  assert.deepEqual(await violations(page), []);
});

browse("light and dark differ and set color-scheme", {}, async (page, go) => {
  await go("/");
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).colorScheme);
  const light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await paper();
  assert.notEqual(light, dark);
  assert.match(dark, /dark/, "form controls and scroll bars follow");
});

for (const path of ["/", "/read/stem-cell-infusion", `/?q=${encodeURIComponent("干细胞")}`]) {
  browse(`keyboard reaches every control with visible focus: ${path}`, { timeout: 120_000 }, async (page, go) => {
    await go(path);
    // Numbers all focusable elements, then tabs through them.
    const all = await page.evaluate(() => {
      const nodes = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(
        (node) => node.tabIndex >= 0 && !node.disabled && node.type !== "hidden" && node.checkVisibility({ visibilityProperty: true }),
      );
      nodes.forEach((node, i) => (node.dataset.index = i));
      return nodes.length;
    });
    const reached = [];
    const unclear = [];
    for (let i = 0; i < all + 5; i++) {
      await page.keyboard.press("Tab");
      const look = () => page.evaluate(() => {
        const node = document.activeElement;
        if (node === document.body) return null;
        const shows = (node) => {
          const style = getComputedStyle(node);
          return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
        };
        const box = node.getBoundingClientRect();
        const clear = (shows(node) || shows(node.parentElement)) && node.checkVisibility({ opacityProperty: true });
        const inside = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
        return { index: node.dataset.index, clear: clear && inside, html: node.outerHTML.slice(0, 100), skip: node.matches('a.skip[href="#main"]') };
      });
      let at = await look();
      if (at && !at.clear) {
        await page.waitForTimeout(250); // for transitions
        at = await look();
      }
      if (!at) break;
      if (i === 0) assert.equal(at.skip, true, `the first is the skip link, not ${at.html}`);
      if (!at.clear) unclear.push(at.html);
      if (at.index !== undefined && reached.includes(at.index)) break;
      reached.push(at.index);
    }
    assert.deepEqual(unclear, [], "the focus is visible");
    assert.deepEqual(reached.map(Number), Array.from({ length: all }, (_, i) => i), "all, in document order");
  });
}

browse("skip link leads past the header", {}, async (page, go) => {
  await go("/read/stem-cell-infusion");
  const skip = page.locator("a.skip");
  assert.equal(await isInView(skip).catch(() => false), false, "the skip link is hidden");
  // Nothing of it is visible, such as a shadow.
  const corner = () => page.screenshot({ clip: { x: 0, y: 0, width: 200, height: 12 } });
  const before = await corner();
  await skip.evaluate((node) => (node.hidden = true));
  assert.ok(before.equals(await corner()), "nothing of it shows in the corner");
  await skip.evaluate((node) => (node.hidden = false));
  await page.keyboard.press("Tab");
  await until("it is seen", () => isInView(skip));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => !!document.activeElement.closest("main")), true);
});

browse("landmarks are unique or named", {}, async (page, go) => {
  for (const path of ["/", "/read/stem-cell-infusion"]) {
    await go(path);
    for (const landmark of ["body > header", "main#main", "body > footer", "form[role=search]"])
      assert.equal(await page.locator(landmark).count(), 1, landmark);
    assert.equal(await page.getByRole("searchbox", { name: "搜索" }).or(page.getByRole("combobox", { name: "搜索" })).count(), 1);
    assert.equal(await page.locator("#status[role=status]").count(), 1, "the live region exists before its first message");
  }
});

browse("page follows the font size of the browser", { viewport: DESK }, async (page, go) => {
  await go("/read/stem-cell-infusion");
  const size = () => page.locator("article section p").first().evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
  const before = await size();
  assert.ok(before >= 16, `${before} px`);
  await page.evaluate(() => {
    // Equals a browser setting of twice the size.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(":root { font-size: 200% }");
    document.adoptedStyleSheets = [sheet];
  });
  assert.ok((await size()) >= before * 1.9);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth), false);
});

browse("line length and leading suit Chinese text", { viewport: { width: 1920, height: 1080 } }, async (page, go) => {
  await go("/read/stem-cell-infusion");
  const line = await page.locator("article section p").first().evaluate((node) => {
    const style = getComputedStyle(node);
    return [node.clientWidth / parseFloat(style.fontSize), parseFloat(style.lineHeight) / parseFloat(style.fontSize)];
  });
  assert.ok(line[0] >= 25 && line[0] <= 45, `${line[0]} characters a line`);
  assert.ok(line[1] >= 1.6 && line[1] <= 2.1, `leading ${line[1]}`);
});
