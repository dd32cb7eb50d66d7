// Test articles in addition to the bundled library: long titles, wide tables, many sections, renamed and removed sections.

import { service } from "./harness.js";

const file = (slug, title, body, front = "") => `---\nslug: ${slug}\ntitle: ${JSON.stringify(title)}\n${front}---\n\n${body}\n`;
/** Returns some lines of text. */
const filler = (word) => `${`${word}的说明写在这里，供阅读与滚动之用。`.repeat(12)}\n`;

/** A title of 200 characters. */
export const LONG_TITLE = "关于长标题怎样换行而不溢出的说明".repeat(13).slice(0, 200);
/** A word of 200 letters, without a break opportunity. */
export const LONG_WORD = "immunoglobulin".repeat(15).slice(0, 200);
/** A title with characters of markup. */
export const ANGLES = "标题里的<b>尖括号</b>与&amp;原样显示";
export const REASON = "本文的结论已被新的指南取代，修订后重新发布。";
export const SECTIONS = 200;

const renamed = (title, anchor) =>
  file(
    "renamed",
    "改过名的章节",
    `## 一、开头 {#opening}\n\n${filler("开头").repeat(6)}\n## 二、${title} {#${anchor}}\n\n${filler("这一节")}\n## 三、结尾 {#end}\n\n${filler("结尾").repeat(6)}`,
  );

const shortened = (more) => file("shortened", "变短的文章", `## 一、留下 {#stays}\n\n${filler("留下的").repeat(6)}\n${more}`);

const articles = {
  "long-title": file("long-title", LONG_TITLE, filler("长标题")),
  "long-word": file("long-word", LONG_WORD, `## ${LONG_WORD}\n\n${LONG_WORD}\n\n## 二\n\n文。`),
  "one-paragraph": file("one-paragraph", "只有一段的文章", "只有这一段。"),
  "many-sections": file(
    "many-sections",
    "有二百节的文章",
    Array.from({ length: SECTIONS }, (_, i) =>
      i % 10 ? `### ${i % 10}. 小节${i} {#part-${i}}\n\n小节${i}的文字。\n` : `## 第${i / 10 + 1}章 章${i} {#part-${i}}\n\n${filler("章")}`,
    ).join("\n"),
  ),
  wide: file(
    "wide",
    "有宽表格的文章",
    `## 一、表格\n\n| ${"一个相当长的列名 | ".repeat(9)}\n| ${"--- | ".repeat(9)}\n| ${"不换行的单元格内容 | ".repeat(9)}\n\n## 二、代码\n\n\`\`\`\n${"code ".repeat(80)}\n\`\`\`\n\n<https://example.org/${"long".repeat(60)}>`,
  ),
  angles: file("angles", ANGLES, "文。", "topics: [samples]\nquestions: [\"<i>斜体</i>是什么？\"]\n"),
  "moved-from": file("moved-from", "搬过家的文章", `## 一、甲 {#first}\n\n${filler("甲").repeat(6)}\n## 二、乙 {#second}\n\n${filler("乙").repeat(6)}`),
  withdrawn: file("withdrawn", "撤下的文章", "文。"),
  renamed: renamed("旧的名字", "old-name"),
  shortened: shortened(`## 二、离开 {#leaves}\n\n${filler("后来删掉的")}`),
};
for (let i = 1; i <= 45; i++) {
  const name = `sample-${String(i).padStart(2, "0")}`;
  articles[name] = file(name, `示例文章第${i}篇`, `第${i}篇的文字。`, "topics: [samples]\n");
}

let filled;
/** Adds these articles to the service, once. */
export const fill = () =>
  (filled ??= (async () => {
    await service.manage("PUT", "/topics/samples", { name: "示例", description: "供翻页用的短文。" });
    await service.import(articles);
    await service.manage("POST", "/articles/moved-from/move", { slug: "moved-to" });
    await service.manage("POST", "/articles/withdrawn/withdraw", { reason: REASON });
    await service.publish("renamed", renamed("新的名字", "new-name"));
    await service.publish("shortened", shortened(""));
  })());
