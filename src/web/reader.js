// What the pages can do beyond being read. The server has rendered everything before this runs, and every link works
// without it; this adds suggestions while you type, "更多" in place, and contents that follow the scroll. All of it uses the
// public API (/v1) alone, so it is also an example of how to use it.

const status = document.querySelector("[role=status]");

/** An element with attributes and children. Text is always set as text: nothing from the API is parsed as HTML here. */
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** The JSON at an address of the API. Failures are problems (RFC 9457): their `title` says what happened. */
const read = async (address, signal) => {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw Object.assign(new Error(`${address}: ${answer.status}`), { status: answer.status });
  return answer.json();
};

// ---- 更多: the rest of a list, in place --------------------------------------------------------------------------------

/** The day in China, wherever the reader is: the same on every page. */
const day = (time) => new Date(Date.parse(time) + 8 * 3_600_000).toISOString().slice(0, 10);

const facts = (card) =>
  make(
    "p",
    { class: "facts" },
    make("span", {}, `约 ${card.reading_minutes} 分钟`), " ",
    make("span", {}, `${card.characters} 字`), " ",
    make("span", {}, "更新于 ", make("time", { datetime: card.updated_at }, day(card.updated_at))),
    ...card.topics.flatMap(({ slug, name }) => [" ", make("a", { class: "topic", href: `/?topic=${slug}` }, name)]),
  );

const card = (article) =>
  make(
    "li",
    {},
    make("h2", {}, make("a", { href: `/read/${article.slug}` }, article.title)),
    ...(article.summary ? [make("p", { class: "summary" }, article.summary)] : []),
    facts(article),
  );

const hit = ({ article, section, snippet }) =>
  make(
    "li",
    {},
    make(
      "h2",
      {},
      make("a", { href: `/read/${article.slug}${section ? `#${section.anchor}` : ""}` }, section?.title ?? article.title),
    ),
    ...(section ? [make("p", { class: "place" }, `${article.title} · 第 ${section.number} 节`)] : []),
    // A snippet comes in pieces; those that match are what was looked for.
    make("p", { class: "snippet" }, ...snippet.map(({ text, match }) => (match ? make("mark", {}, text) : text))),
  );

/** Why an item stands there, in words. `why.source` is the rule, `why.reason` the editor's words or the shared topics. */
const why = ({ source, reason, views }) => {
  if (source === "shared_topics" && reason) return `同属：${reason}`;
  if (source === "views") return `近期阅读 ${views} 次`;
  const words = { editorial: "编辑推荐", pinned: "编辑推荐", linked: "文中提到", linked_from: "提到了本文", recent: "最近发布" };
  return reason ?? words[source] ?? "主题相同";
};

const recommendation = (item, list) => {
  const id = `${list.closest("section").id}_why_${item.position}`;
  const outside = item.kind === "external";
  const link = { href: outside ? item.url : `/read/${item.slug}`, rel: outside ? "noopener" : null, "aria-describedby": id };
  return make("li", {}, make("a", link, item.title), make("span", { class: "why", id }, why(item.why)));
};

const builders = { cards: card, hits: hit, recommendations: recommendation };

for (const more of document.querySelectorAll("a.more")) {
  // The list that it goes on with stands before it.
  const list = more.parentElement.previousElementSibling;
  const build = builders[list.className];
  more.addEventListener("click", async (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (more.getAttribute("aria-busy") === "true") return;
    more.setAttribute("aria-busy", "true");
    more.nextElementSibling?.remove();
    try {
      let items, page;
      let pages = 0;
      do {
        const answer = await read(more.dataset.rest);
        items = answer.data.map((item) => build(item, list));
        page = answer.page;
        if (!page.next_cursor) break;
        // The same list, after its last item: the cursor says where that is.
        const rest = new URL(more.dataset.rest, location.href);
        rest.searchParams.set("cursor", page.next_cursor);
        more.dataset.rest = rest.pathname + rest.search;
        // A page of a search may be empty and not the last: it is what was found in a bounded number of articles.
      } while (!items.length && ++pages < 5);
      list.append(...items);
      if (items.length) status.textContent = `又加载了 ${items.length} 条。`;
      else status.textContent = page.next_cursor ? "还没有找到，可以继续找。" : "没有更多了。";
      // Whoever went on to something else meanwhile stays there.
      const next = (items[0] ?? list.lastElementChild)?.querySelector("a");
      if ([more, document.body].includes(document.activeElement)) next?.focus();
      if (!page.next_cursor) more.parentElement.remove();
    } catch (error) {
      // What is there stays. What is refused will not come another time; where the link leads says why.
      if (error.status >= 400 && error.status < 500 && error.status !== 429) return location.assign(more.href);
      status.textContent = "无法加载，请稍后再试。";
      more.after(make("span", { class: "failed", "aria-hidden": "true" }, status.textContent));
    } finally {
      more.removeAttribute("aria-busy");
    }
  });
}

// ---- Suggestions: a combobox (WAI-ARIA Authoring Practices) ---------------------------------------------------------------

const input = document.querySelector("form.search input");
if (input) {
  // A section of the article may be found by that name.
  const id = document.getElementById("suggestions") ? "suggestions_" : "suggestions";
  const list = make("ul", { id, role: "listbox", "aria-label": "搜索建议" });
  list.hidden = true;
  input.after(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list",
  })) input.setAttribute(name, value);

  let asked; // What is under way; a newer question ends it.
  let timer;
  let chosen = -1;

  const chooseNone = () => {
    chosen = -1;
    for (const option of list.children) option.setAttribute("aria-selected", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    // What is still to come would open it again.
    clearTimeout(timer);
    asked?.abort();
    list.hidden = true;
    chooseNone();
    input.setAttribute("aria-expanded", "false");
  };
  const choose = (place) => {
    const options = [...list.children];
    if (!options.length) return;
    chosen = (place + options.length) % options.length;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === chosen)));
    input.setAttribute("aria-activedescendant", options[chosen].id);
    options[chosen].scrollIntoView({ block: "nearest" });
  };
  const suggest = async () => {
    asked?.abort();
    const typed = input.value.trim();
    if (!typed) return close();
    asked = new AbortController();
    try {
      const { data } = await read(`/v1/search/suggest?q=${encodeURIComponent(typed)}&limit=8`, asked.signal);
      list.replaceChildren(
        ...data.map(({ text, slug, kind }, at) => {
          const option = make("li", { id: `suggestion_${at}`, role: "option", "aria-selected": "false" }, text);
          option.dataset.kind = kind === "question" ? "问题" : "标题";
          option.dataset.href = `/read/${slug}`;
          return option;
        }),
      );
      list.hidden = data.length === 0;
      input.setAttribute("aria-expanded", String(!list.hidden));
      chooseNone();
    } catch (error) {
      // Nobody misses a suggestion that does not come; one to what was typed before would be wrong.
      if (error.name !== "AbortError") close();
    }
  };
  input.addEventListener("input", (event) => {
    clearTimeout(timer);
    // What was chosen was chosen of suggestions to another text.
    chooseNone();
    if (event.isComposing) return; // An input method is at work: what stands there is not typed yet.
    timer = setTimeout(suggest, 120);
  });
  input.addEventListener("compositionend", suggest);
  input.addEventListener("keydown", (event) => {
    // 229: Safari says of the key that ends a composition that none is under way.
    if (event.isComposing || event.keyCode === 229 || list.hidden) return;
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && chosen >= 0) location.assign(list.children[chosen].dataset.href);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  // Who comes back finds the page as it was left.
  addEventListener("pagehide", close);
  // The field keeps the focus, and with it the list; a touch may be the beginning of a scroll.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    if (event.metaKey || event.ctrlKey) open(option.dataset.href, "_blank", "noopener");
    else location.assign(option.dataset.href);
  });
}

// ---- Wide tables and code can be scrolled by key ----------------------------------------------------------------------------

const reach = ({ target: box }) => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
};
const sizes = new ResizeObserver((boxes) => boxes.forEach(reach));
for (const box of document.querySelectorAll("article :is(table, pre)")) sizes.observe(box);

// ---- An article: contents that follow, and a view that counts --------------------------------------------------------------

const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
if (links.size) {
  const contents = document.querySelector(".toc details");
  // Beside the text the contents are always open; above it they are a menu.
  const wide = matchMedia("(min-width: 64em)");
  const fit = () => (contents.open = wide.matches);
  fit();
  wide.addEventListener("change", fit);
  contents.addEventListener("toggle", () => wide.matches && fit());
  for (const link of links.values()) link.addEventListener("click", () => (contents.open = wide.matches));

  const headings = [...links.keys()].map((anchor) => document.getElementById(anchor)).filter(Boolean);
  let current;
  // Where a heading stands once a link has led to it; below, it is not read yet.
  const line = () => Math.min(96, innerHeight * 0.3);
  const mark = (link) => {
    if (link === current) return;
    current?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    current = link;
    const box = link.closest(".toc");
    if (wide.matches) box.scrollTop = link.offsetTop - box.clientHeight / 2;
  };
  // A short last section cannot come up to the line: the link that leads there counts until the reader goes on.
  let led;
  const follow = () => {
    if (led) return mark(led);
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < line());
    mark(links.get((passed.at(-1) ?? headings[0]).id));
  };
  const lead = () => {
    const target = document.querySelector(":target");
    // An earlier anchor of a section stands before its heading.
    led = target && links.get(target.closest("section")?.querySelector(".heading > :first-child")?.id);
    follow();
  };
  const goOn = () => {
    led = undefined;
    follow();
  };
  const settle = () => {
    // Gone on by the scroll bar, which tells of nothing but where it ends.
    const box = led && document.getElementById(led.hash.slice(1)).getBoundingClientRect();
    if (box && (box.bottom < 0 || box.top > innerHeight)) goOn();
  };
  addEventListener("scrollend", settle);
  for (const way of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(way, goOn, { passive: true });
  addEventListener("hashchange", lead);
  let waiting = false;
  addEventListener(
    "scroll",
    () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => ((waiting = false), follow()));
    },
    { passive: true },
  );
  lead();
}

const slug = document.querySelector("[data-article]")?.dataset.article;
// Caches answer most readers, so reading is counted by a request of its own. Nothing about the reader is sent or kept.
if (slug) navigator.sendBeacon(`/v1/articles/${slug}/views`);
