//! Renders users' Markdown as safe HTML: `contentHtml`.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::Ipv6Addr,
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, html};

/// Maximum size of the result. A response may have 4 MiB.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Maximum nesting depth of elements. Deeper elements are rendered on the last level. For some tags the sanitiser
/// searches all open elements, so its run time grows with the depth.
const MAX_DEPTH: usize = 100;

/// The allowed elements and attributes. Raw HTML is dropped before, so the list is a second line of defence.
static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut sanitiser = Builder::empty();
    sanitiser
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "img",
            "input",
            "li",
            "ol",
            "p",
            "pre",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("code", HashSet::from(["class"])),
            ("img", HashSet::from(["src", "alt", "title"])),
            ("input", HashSet::from(["checked", "disabled"])),
            ("ol", HashSet::from(["start"])),
        ]))
        .tag_attribute_values(HashMap::from([
            (
                "input",
                HashMap::from([("type", HashSet::from(["checkbox"]))]),
            ),
            ("td", alignments()),
            ("th", alignments()),
        ]))
        .attribute_filter(|element, attribute, value| {
            let is_kept =
                (element, attribute) != ("code", "class") || value.starts_with("language-");
            is_kept.then(|| value.into())
        })
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow ugc noopener"));
    sanitiser
});

fn alignments() -> HashMap<&'static str, HashSet<&'static str>> {
    HashMap::from([("align", HashSet::from(["left", "center", "right"]))])
}

/// Renders `CommonMark` with GitHub's tables, task lists and strikethrough as sanitised HTML. Returns `None` if the
/// result is larger than 2 MiB. The run time is linear in the length of the text, whatever it contains.
pub fn to_html(markdown: &str) -> Option<String> {
    to_html_within(MAX_BYTES, markdown)
}

/// Like [`to_html`], with another maximum size in bytes. Rendering stops there, so that a larger result costs no more.
pub fn to_html_within(max: usize, markdown: &str) -> Option<String> {
    let max = max.min(MAX_BYTES);
    let extensions =
        Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let mut depth = 0;
    let events = Parser::new_ext(markdown, extensions).filter(|event| match event {
        Event::Html(_) | Event::InlineHtml(_) => false,
        Event::Start(_) => {
            depth += 1;
            depth <= MAX_DEPTH
        }
        Event::End(_) => {
            depth -= 1;
            depth < MAX_DEPTH
        }
        _ => true,
    });
    let mut rendered = BoundedText {
        text: String::new(),
        max,
    };
    html::write_html_fmt(&mut rendered, events).ok()?;
    // The sanitiser removes styles. `<` is escaped in texts and attributes, so only the renderer's own tags match.
    let aligned = rendered
        .text
        .replace("<td style=\"text-align: ", "<td align=\"")
        .replace("<th style=\"text-align: ", "<th align=\"");
    let aligned = with_ipv6_hosts(aligned);
    let clean = SANITISER.clean(&aligned).to_string();
    (clean.len() <= max).then_some(clean)
}

/// Restores the brackets around IPv6 addresses in links. The renderer encodes them, and without them the sanitiser does
/// not accept the host. Only the renderer's own tags match, as above.
fn with_ipv6_hosts(html: String) -> String {
    const START: &str = "://%5B";
    const END: &str = "%5D";
    /// The length of the longest address, which ends in an IPv4 address.
    const MAX_ADDRESS: usize = 45;
    if !html.contains(START) {
        return html;
    }
    let mut restored = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(at) = rest.find(START) {
        let (before, after) = (&rest[..at], &rest[at + START.len()..]);
        restored.push_str(before);
        let is_link = ["http", "https"].iter().any(|scheme| {
            ["<a href=\"", "<img src=\""].iter().any(|tag| {
                before
                    .strip_suffix(scheme)
                    .is_some_and(|before| before.ends_with(tag))
            })
        });
        // Only as far as an address reaches: a search to the end of the text for each start takes quadratic time.
        let nearby = &after[..after.floor_char_boundary(MAX_ADDRESS + END.len())];
        let address = nearby
            .split_once(END)
            .map(|(address, _)| address)
            .filter(|address| is_link && address.parse::<Ipv6Addr>().is_ok());
        if let Some(address) = address {
            restored.push_str("://[");
            restored.push_str(address);
            restored.push(']');
            rest = &after[address.len() + END.len()..];
        } else {
            restored.push_str(START);
            rest = after;
        }
    }
    restored.push_str(rest);
    restored
}

/// A text with a maximum size, so that a short document cannot fill the memory.
struct BoundedText {
    text: String,
    max: usize,
}

impl fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > self.max {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn html(markdown: &str) -> String {
        to_html(markdown).unwrap()
    }

    #[test]
    fn a_result_above_the_given_size_is_none() {
        let table = format!(
            "|{}\n|{}\n{}",
            "a|".repeat(20),
            "-|".repeat(20),
            "b\n".repeat(200)
        );
        let html = html(&table);
        assert!(html.len() > 30_000, "{}", html.len());

        assert_eq!(to_html_within(html.len(), &table), Some(html.clone()));
        assert_eq!(to_html_within(html.len() - 1, &table), None);
        assert_eq!(to_html_within(0, "a"), None);
        assert_eq!(to_html_within(0, "").as_deref(), Some(""));
    }

    #[test]
    fn renders_commonmark_and_githubs_extensions() {
        assert_eq!(
            html("# A *b*\n\n1. c"),
            "<h1>A <em>b</em></h1>\n<ol>\n<li>c</li>\n</ol>\n"
        );
        assert_eq!(html("~~a~~"), "<p><del>a</del></p>\n");
        assert_eq!(
            html("```rust\na < b\n```"),
            "<pre><code class=\"language-rust\">a &lt; b\n</code></pre>\n"
        );
        assert_eq!(
            html("- [x] done"),
            "<ul>\n<li><input disabled=\"\" type=\"checkbox\" checked=\"\">\ndone</li>\n</ul>\n"
        );
        assert_eq!(
            html("|a|b|\n|:-:|-|\n|c|d|"),
            "<table><thead><tr><th align=\"center\">a</th><th>b</th></tr></thead><tbody>\n\
             <tr><td align=\"center\">c</td><td>d</td></tr>\n</tbody></table>\n"
        );
    }

    #[test]
    fn links_to_ipv6_addresses_stay_links() {
        for address in [
            "http://[::1]/",
            "https://[2001:db8::7]:8080/a?b=[c]#d",
            "http://[::ffff:1.2.3.4]",
            "http://[0000:0000:0000:0000:0000:ffff:255.255.255.255]/",
        ] {
            let html = html(&format!("[a]({address}) ![b]({address})"));
            let host = address.split_once(']').unwrap().0;
            assert!(html.contains(&format!("<a href=\"{host}]")), "{html}");
            assert!(html.contains(&format!("<img src=\"{host}]")), "{html}");
        }
        for address in [
            "http://[x]/",
            "http://[::1",
            "ftp://[::1]/",
            "http://%5B::g%5D/",
        ] {
            assert!(
                !html(&format!("[a]({address})")).contains("href"),
                "{address}"
            );
        }
        let text = "<p>&lt;a href=\"http://%5B::1%5D/</p>\n";
        assert_eq!(html("\\<a href=\"http://%5B::1%5D/"), text);
    }

    #[test]
    fn many_brackets_take_linear_time() {
        let many = "[a](http://[) ".repeat(20_000) + &"http://%5B".repeat(50_000);
        html(&many);
    }

    #[test]
    fn only_harmless_links_stay_links() {
        let link = "<a href=\"https://a.b/\" rel=\"nofollow ugc noopener\">x</a>";
        assert_eq!(html("[x](https://a.b/)"), format!("<p>{link}</p>\n"));
        for target in ["/a", "a#b", "mailto:a@b.c", "http://a"] {
            assert!(
                html(&format!("[x]({target})")).contains("href="),
                "{target}"
            );
        }
        for target in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "java&#x73;cript:alert(1)",
        ] {
            assert!(
                !html(&format!("[x](<{target}>)")).contains("href="),
                "{target}"
            );
            assert!(
                !html(&format!("![x](<{target}>)")).contains("src="),
                "{target}"
            );
        }
    }

    #[test]
    fn raw_html_is_dropped() {
        for raw in [
            "<script>alert(1)</script>",
            "<b onclick=x>",
            "<iframe src=x></iframe>",
            "<form action=x>",
            "<style>p{}</style>",
            "<!-- x -->",
        ] {
            assert!(!html(raw).contains('<'), "{raw}");
            assert_eq!(html(&format!("a{raw}")).matches('<').count(), 2, "{raw}");
        }
        assert_eq!(
            html("```\"onclick=x><b>\na\n```"),
            "<pre><code class=\"language-&quot;onclick=x&gt;&lt;b&gt;\">a\n</code></pre>\n"
        );
        assert_eq!(html("<td style=\"text-align: left\">"), "");
        assert_eq!(
            html("`<td style=\"text-align: `").matches("style").count(),
            1
        );
    }

    #[test]
    fn a_result_over_two_mebibytes_is_none() {
        let table = |rows: usize| {
            let head = format!("|{}\n|{}\n", "a|".repeat(1000), "-|".repeat(1000));
            to_html(&(head + &"|b\n".repeat(rows))).is_some()
        };

        assert!(table(100));
        assert!(!table(300));
    }

    #[test]
    fn hostile_text_is_rendered_in_linear_time() {
        let nested = format!("{}{}", "+ ".repeat(2_500), "\n".repeat(5_000));
        let quoted = format!("{}{}", ">".repeat(4_000), "\na\n".repeat(2_000));
        let numbered = format!("{}{}", "1. ".repeat(1_600), "\n\n   a".repeat(800));
        let mut texts = vec![nested, quoted, numbered, "**a *b ".repeat(1_400)];
        for piece in [
            "[",
            "*",
            "_a",
            "![",
            "[a](",
            ">",
            "> ",
            "+ ",
            "1. ",
            "`",
            "<",
            "<a ",
            "&",
            "~",
            "|",
            "#",
            "\u{1}",
            "\"",
            "[^a]",
            "[a]: b\n",
            "- [ ] a\n",
            "[[]",
            "***a b**",
            "<!--",
        ] {
            texts.push(piece.repeat(10_000 / piece.len()));
        }

        for text in texts {
            let started = Instant::now();
            let html = to_html(&text);
            // The limit is for an unoptimised build. A release build takes 0.2 seconds for a text of ten times the
            // length.
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{}",
                &text[..20]
            );
            assert!(html.is_none_or(|html| html.len() <= MAX_BYTES));
        }
    }
}
