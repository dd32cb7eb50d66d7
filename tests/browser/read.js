// Content of the pages, with and without JavaScript.

import assert from "node:assert/strict";

import { browse, isSeen, service, until } from "./harness.js";

const ARTICLE = "/read/stem-cell-infusion";

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "" : ", without JavaScript";
  browse(`article page shows the complete article${how}`, { javaScriptEnabled }, async (page, go) => {
    const response = await fetch(`${service.origin}/v1/articles/stem-cell-infusion?format=text`);
    const article = await response.json();
    assert.equal(await go(ARTICLE), 200);
    assert.equal(await page.locator("html").getAttribute("lang"), article.locale);
    assert.match(await page.title(), new RegExp(article.title));
    assert.equal((await page.locator("article h1").innerText()).trim(), article.title);
    assert.equal(await page.locator("h1").count(), 1);
    assert.deepEqual(await page.locator("article ul.questions > li").allInnerTexts(), article.questions);
    const text = await page.locator("article").innerText();
    assert.ok(text.includes(article.lead.text.slice(0, 30)), "the lead is shown");
    assert.ok(text.indexOf(article.lead.text.slice(0, 30)) < text.indexOf(article.sections[0].text.slice(0, 30)));

    const facts = await page.locator("article .facts").first().innerText();
    assert.match(facts, new RegExp(`${article.reading_minutes}\\s*分钟`));
    for (const { slug, name } of article.topics) {
      const topic = page.locator(`article .facts a[href="/?topic=${slug}"]`).first();
      assert.equal((await topic.innerText()).trim(), name);
    }

    // Every section in order, with its printed number and level.
    const wanted = [];
    const walk = (sections) => {
      for (const { anchor, label, title, level, children } of sections) {
        wanted.push([`H${Math.min(level + 1, 6)}`, anchor, `${label ?? ""}${title}`.replace(/\s/g, "")]);
        walk(children);
      }
    };
    walk(article.sections);
    const seen = await page.locator("article .heading > :is(h2, h3, h4, h5, h6)[id]").evaluateAll((headings) =>
      headings.map((heading) => {
        const copy = heading.cloneNode(true);
        copy.querySelectorAll("a.anchor").forEach((link) => link.remove());
        return [heading.tagName, heading.id, copy.textContent.replace(/\s/g, "")];
      }),
    );
    assert.deepEqual(seen, wanted);

    const site = await (await fetch(`${service.origin}/v1/site`)).json();
    assert.equal((await page.locator("header a.site").innerText()).trim(), site.name);
    const action = page.locator(".cta").first();
    assert.match(await action.innerText(), new RegExp(site.call_to_action.label));
    assert.ok((await page.locator("footer .disclaimer").innerText()).includes(site.disclaimer.slice(0, 40)));
  });

  browse(`library page links to articles and topics${how}`, { javaScriptEnabled }, async (page, go) => {
    assert.equal(await go("/"), 200);
    const cards = page.locator("ol.cards > li");
    assert.ok((await cards.count()) > 5);
    assert.match(await cards.first().locator(".facts").innerText(), /分钟/);
    const topic = page.locator("nav[aria-label=主题] a[href='/?topic=haematology']");
    await topic.click();
    await page.waitForURL("**/?topic=haematology");
    assert.equal(await topic.getAttribute("aria-current"), "page");
    assert.equal(await page.locator("nav[aria-label=主题] [aria-current=page]").count(), 1);
    const list = await (await fetch(`${service.origin}/v1/articles?topic=haematology`)).json();
    const titles = (await page.locator("ol.cards > li h2").allInnerTexts()).map((title) => title.trim());
    assert.deepEqual(titles, list.data.map(({ title }) => title));
    await page.locator("ol.cards > li h2 > a").first().click();
    await page.waitForURL("**/read/*");
    assert.equal((await page.locator("article h1").innerText()).trim(), titles[0]);
    await page.locator("header a.site").click();
    await page.waitForURL(/:\d+\/$/);
  });

  browse(`article page links to its neighbours in the topic${how}`, { javaScriptEnabled }, async (page, go) => {
    await go(ARTICLE);
    const link = page.locator("nav.adjacent[aria-label=同主题文章] a").first();
    const target = await link.getAttribute("href");
    assert.match(target, /^\/read\//);
    await link.click();
    await page.waitForURL(`**${target}`);
  });
}

browse("links in the text lead to pages", {}, async (page, go) => {
  await go(ARTICLE);
  assert.equal(await page.locator('main a[href^="/v1/"]').count(), 0);
  for (const link of await page.locator('main a[href^="http"]').all())
    assert.match((await link.getAttribute("rel")) ?? "", /noopener/);
});

browse("page has structured data and metadata", {}, async (page, go) => {
  await go(ARTICLE);
  const title = await page.locator("article h1").innerText();
  const data = JSON.parse(await page.locator('script[type="application/ld+json"]').first().textContent());
  assert.equal(data.headline, title);
  assert.equal(await page.locator("link[rel=canonical]").getAttribute("href"), ARTICLE);
  assert.equal(await page.locator('meta[property="og:title"]').getAttribute("content"), title);
  assert.ok(await page.locator("meta[name=description]").getAttribute("content"));
});

browse("view is counted once", {}, async (page, go) => {
  const views = [];
  page.on("request", (request) => {
    if (/\/views$/.test(request.url())) views.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
  await go(ARTICLE);
  await until("the view is sent", () => views.length);
  await page.mouse.wheel(0, 3000);
  await page.locator("nav.toc a").nth(1).click();
  await page.waitForTimeout(1_000);
  assert.deepEqual(views, ["POST /v1/articles/stem-cell-infusion/views"]);
  await go("/");
  await page.waitForTimeout(500);
  assert.equal(views.length, 1, "a list counts no view");
});

for (const colorScheme of ["light", "dark"]) {
  browse(`print shows only the text on white, ${colorScheme}`, { colorScheme }, async (page, go) => {
    await go(ARTICLE);
    await page.emulateMedia({ media: "print", colorScheme });
    for (const part of ["form[role=search]", "nav.toc", "#related", "#hot", ".cta", "nav.adjacent", "a.skip", ".more"])
      for (const node of await page.locator(part).all()) assert.equal(await isSeen(node), false, `${part} is printed`);
    for (const part of ["article h1", "article section h2", "article section p"])
      assert.equal(await isSeen(page.locator(part).first()), true, `${part} is printed`);
    const [ink, paper] = await page.evaluate(() => {
      const light = (colour) => (([r, g, b, a = 1]) => (a === 0 ? 255 : 0.3 * r + 0.6 * g + 0.1 * b))(colour.match(/[\d.]+/g).map(Number));
      const style = (selector) => getComputedStyle(document.querySelector(selector));
      return [light(style("article section p").color), light(style("body").backgroundColor)];
    });
    assert.ok(paper > 250 && ink < 80, `ink ${ink} on paper ${paper}`);
    // Lists that are pages are printed, and nothing is cut at the edge of the paper.
    for (const path of ["/?list=hot", "/read/stem-cell-infusion/related", "/?q=移植"]) {
      await go(path);
      assert.ok((await page.locator("main").innerText()).length > 100, path);
    }
    await page.setViewportSize({ width: 700, height: 900 });
    await go("/read/check-registration");
    const cut = await page.locator("article :is(table, pre)").evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).length);
    assert.equal(cut, 0);
  });
}
