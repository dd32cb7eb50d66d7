//! HTML of errors at the URLs of pages, with the same status as the API.

use std::fmt::Write;

use super::{
    CONTENT_SECURITY_POLICY,
    layout::{Layout, push},
};
use crate::{
    content::html::escaped,
    http::{Payload, problem::Problem},
};

/// Renders a problem as a page.
#[must_use]
pub fn render_error_page(path: &str, problem: &Problem) -> Option<Payload> {
    let (title, text) = match problem.status {
        404 if path == "/" => ("没有这个主题", "这个地址上没有主题，也许是链接写错了。"),
        403 => ("不能预览", "这个预览链接已经过期，或者不完整；请向给出链接的人要一个新的。"),
        404 => ("没有这篇文章", "这个地址上没有文章，也许是链接写错了。"),
        410 => ("文章已撤下", "这篇文章曾经发布，现在已经撤下。"),
        429 => ("请求太频繁", "请稍等片刻再打开这个页面。"),
        503 => ("暂时无法打开", "服务正在恢复，请稍后再试。"),
        status if status >= 500 => ("出错了", "服务内部出了问题，请稍后再试。"),
        405 => ("不能这样访问", "这个页面只能阅读。"),
        _ => ("这个地址不对", "地址中有本站不认识的内容。"),
    };
    let mut main = format!("<div class=\"opening\">\n<h1>{title}</h1>\n<p>{text}</p>\n");
    // The reason of a withdrawal is written for readers; other details are for developers.
    if problem.status == 410 {
        push!(main, "<p class=\"reason\">原因：{}</p>\n", escaped(&problem.detail));
    }
    main += "<p><a href=\"/\">回到首页</a>，或在上面搜索。</p>\n</div>\n";
    push!(main, "<p class=\"facts\">状态 {} · 编号 {}</p>\n", problem.status, escaped(&problem.request_id));
    let html = Layout { title, locale: "zh-Hans", main: &main, ..Layout::default() }.render();
    Some(Payload::bytes("text/html; charset=utf-8", html).policy(CONTENT_SECURITY_POLICY))
}

/// Renders a problem at the URL of an HTML preview; `None` for a preview as JSON.
#[must_use]
pub fn render_preview_error_page(path: &str, problem: &Problem) -> Option<Payload> {
    path.ends_with("/page").then(|| render_error_page(path, problem)).flatten()
}
