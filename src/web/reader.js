// Enhances the HTML pages: search suggestions, "更多" in place, a table of contents that marks the current section, and the
// view counter. The server renders everything before, and every link works without this script. It uses only the public API
// (/v1), so it is also an example of its use.

const status = document.querySelector("[role=status]");

/** Returns an element with attributes and children. Text from the API is always set as text, never parsed as HTML. */
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** Fetches JSON from the API. An error has the status of the response. */
const fetchJson = async (address, signal) => {
  const response = await fetch(address, { signal });
  if (!response.ok) throw Object.assign(new Error(`${address}: ${response.status}`), { status: response.status });
  return response.json();
};

// ---- 更多: load the next items of a list in place --------------------------------------------------------------------

/** Returns the date in China, the same for every reader. */
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
    ...(section ? [make("p", { class: "location" }, `${article.title} · 第 ${section.number} 节`)] : []),
    // A snippet is a list of parts; those with `match` are highlighted.
    make("p", { class: "snippet" }, ...snippet.map(({ text, match }) => (match ? make("mark", {}, text) : text))),
  );

/** Returns the reason of a recommendation in words. `source` is the rule, `reason` the editor's words or shared topics. */
const reasonText = ({ source, reason, views }) => {
  if (source === "shared_topics" && reason) return `同属：${reason}`;
  if (source === "views") return `近期阅读 ${views} 次`;
  const words = { editorial: "编辑推荐", pinned: "编辑推荐", linked: "文中提到", linked_from: "提到了本文", recent: "最近发布" };
  return reason ?? words[source] ?? "主题相同";
};

const recommendation = (item, list) => {
  const id = `${list.closest("section").id}_why_${item.position}`;
  const outside = item.kind === "external";
  const link = { href: outside ? item.url : `/read/${item.slug}`, rel: outside ? "noopener" : null, "aria-describedby": id };
  return make("li", {}, make("a", link, item.title), make("span", { class: "why", id }, reasonText(item.why)));
};

const builders = { cards: card, hits: hit, recommendations: recommendation };

for (const more of document.querySelectorAll("a.more")) {
  // The list precedes the link.
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
        const response = await fetchJson(more.dataset.next);
        items = response.data.map((item) => build(item, list));
        page = response.page;
        if (!page.next_cursor) break;
        // The cursor continues the same list after its last item.
        const next = new URL(more.dataset.next, location.href);
        next.searchParams.set("cursor", page.next_cursor);
        more.dataset.next = next.pathname + next.search;
        // A page of search results can be empty but not the last: it covers a limited number of articles.
      } while (!items.length && ++pages < 5);
      list.append(...items);
      if (items.length) status.textContent = `又加载了 ${items.length} 条。`;
      else status.textContent = page.next_cursor ? "还没有找到，可以继续找。" : "没有更多了。";
      // If the reader has moved the focus meanwhile, it stays.
      const focused = (items[0] ?? list.lastElementChild)?.querySelector("a");
      if ([more, document.body].includes(document.activeElement)) focused?.focus();
      if (!page.next_cursor) more.parentElement.remove();
    } catch (error) {
      // Keep the list. A client error will not go away, so open the link, which shows the reason.
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
  // A section may already use this id.
  const id = document.getElementById("suggestions") ? "suggestions_" : "suggestions";
  const list = make("ul", { id, role: "listbox", "aria-label": "搜索建议" });
  list.hidden = true;
  input.after(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list",
  })) input.setAttribute(name, value);

  let request; // Pending; a newer request aborts it.
  let timer;
  let selected = -1;

  const clearSelection = () => {
    selected = -1;
    for (const option of list.children) option.setAttribute("aria-selected", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    // A pending response would open the list again.
    clearTimeout(timer);
    request?.abort();
    list.hidden = true;
    clearSelection();
    input.setAttribute("aria-expanded", "false");
  };
  const select = (index) => {
    const options = [...list.children];
    if (!options.length) return;
    selected = (index + options.length) % options.length;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === selected)));
    input.setAttribute("aria-activedescendant", options[selected].id);
    options[selected].scrollIntoView({ block: "nearest" });
  };
  const suggest = async () => {
    request?.abort();
    const typed = input.value.trim();
    if (!typed) return close();
    request = new AbortController();
    try {
      const { data } = await fetchJson(`/v1/search/suggest?q=${encodeURIComponent(typed)}&limit=8`, request.signal);
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
      clearSelection();
    } catch (error) {
      // Suggestions for a former text would be wrong.
      if (error.name !== "AbortError") close();
    }
  };
  input.addEventListener("input", (event) => {
    clearTimeout(timer);
    // The selection belonged to the suggestions for the former text.
    clearSelection();
    if (event.isComposing) return; // The input method has not finished.
    timer = setTimeout(suggest, 120);
  });
  input.addEventListener("compositionend", suggest);
  input.addEventListener("keydown", (event) => {
    // Safari sends keyCode 229 without isComposing for the key that ends a composition.
    if (event.isComposing || event.keyCode === 229 || list.hidden) return;
    if (event.key === "ArrowDown") select(selected + 1);
    else if (event.key === "ArrowUp") select(selected < 0 ? -1 : selected - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && selected >= 0) location.assign(list.children[selected].dataset.href);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  // The back-forward cache restores the page with a closed list.
  addEventListener("pagehide", close);
  // Prevents loss of focus, which would close the list. Not on touch, which may start a scroll.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    if (event.metaKey || event.ctrlKey) open(option.dataset.href, "_blank", "noopener");
    else location.assign(option.dataset.href);
  });
}

// ---- Wide tables and code are focusable, so that the keyboard can scroll them ------------------------------------------

const setFocusable = ({ target: box }) => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
};
const sizes = new ResizeObserver((boxes) => boxes.forEach(setFocusable));
for (const box of document.querySelectorAll("article :is(table, pre)")) sizes.observe(box);

// ---- Article: table of contents and view counter ------------------------------------------------------------------------

const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
if (links.size) {
  const contents = document.querySelector(".toc details");
  // Beside the text the table of contents is always open; above the text it is a menu.
  const wide = matchMedia("(min-width: 64em)");
  const fit = () => (contents.open = wide.matches);
  fit();
  wide.addEventListener("change", fit);
  contents.addEventListener("toggle", () => wide.matches && fit());
  for (const link of links.values()) link.addEventListener("click", () => (contents.open = wide.matches));

  const headings = [...links.keys()].map((anchor) => document.getElementById(anchor)).filter(Boolean);
  let current;
  // A heading counts as read above this line, where a link scrolls it to.
  const line = () => Math.min(96, innerHeight * 0.3);
  const mark = (link) => {
    if (link === current) return;
    current?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    current = link;
    const box = link.closest(".toc");
    if (wide.matches) box.scrollTop = link.offsetTop - box.clientHeight / 2;
  };
  // A short last section cannot scroll up to the line, so the target of a link is current until the reader scrolls.
  let target;
  const follow = () => {
    if (target) return mark(target);
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < line());
    mark(links.get((passed.at(-1) ?? headings[0]).id));
  };
  const followTarget = () => {
    const element = document.querySelector(":target");
    // A former anchor of a section precedes its heading.
    target = element && links.get(element.closest("section")?.querySelector(".heading > :first-child")?.id);
    follow();
  };
  const resume = () => {
    target = undefined;
    follow();
  };
  const afterScroll = () => {
    // The scroll bar sends no other event than the end of the scroll.
    const box = target && document.getElementById(target.hash.slice(1)).getBoundingClientRect();
    if (box && (box.bottom < 0 || box.top > innerHeight)) resume();
  };
  addEventListener("scrollend", afterScroll);
  for (const type of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(type, resume, { passive: true });
  addEventListener("hashchange", followTarget);
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
  followTarget();
}

const slug = document.querySelector("[data-article]")?.dataset.article;
// Most pages come from caches, so a view is a request of its own. It contains nothing about the reader.
if (slug) navigator.sendBeacon(`/v1/articles/${slug}/views`);
